"""From the command line to the picture: search, report, describe."""

import csv
import json
import re
import shutil
import types

import pytest

from launch import search as launcher
from sparse_jax import data
from sparse_jax.study.opened import open_study
from tests import tiny_study
from tests.launch import command_line


def _overrides(**changes):
    settings = tiny_study.overrides() | changes
    return [f'--config.{name}={value}' for name, value in settings.items()]


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """A workdir that launch.search filled; tests of one module share it."""
    return tmp_path_factory.mktemp('search') / 'run'


@pytest.fixture
def workdir(made, capsys):
    if not made.exists():
        with tiny_study.small_space():
            result = command_line.run(
                capsys, 'search', f'--workdir={made}', *_overrides())
        assert (result.code, result.err) == (0, '')
        made.with_name('out.txt').write_text(result.out)
    return made


@pytest.mark.parametrize('design, most, said', [
    ('filled', 900, True), ('filled', 0, False), ('prior', 900, False)])
def test_the_first_line_says_what_may_take_minutes(monkeypatch, design, most, said):
    flag = lambda value: types.SimpleNamespace(value=value)
    monkeypatch.setattr(launcher, 'CONFIG', flag(tiny_study.config(
        search__initial_design=design, budgets__model_size=most)))
    monkeypatch.setattr(launcher, 'WORKDIR', flag('here'))
    monkeypatch.setattr(launcher, 'DRY_RUN', flag(False))
    line = launcher.first_line()
    assert ('fill the budgets may take minutes' in line) is said
    assert line.startswith("search in 'here': tiny, at most ")
    assert line.endswith('; loading')


def test_the_output_of_a_search(workdir):
    lines = workdir.with_name('out.txt').read_text().splitlines()
    assert lines[0] == (f"search in '{workdir}': tiny, at most {tiny_study.ROUNDS} "
                        f'rounds of {tiny_study.BATCH}; loading')
    assert lines[1].startswith('expected: about ')
    both = [line for line in lines if line.startswith('round ')]
    groups = [line for line in both if ' took ' not in line]
    assert len(groups) == tiny_study.ROUNDS and len(both) == 2 * tiny_study.ROUNDS
    assert all(('candidates' in g and 'hypervolume' in g and 'best of group' in g)
               for g in groups)
    assert any('XLA training programs: 1 compiled, 4.0 candidates each' in line
               for line in lines)
    assert any(line.startswith('seconds: compile') for line in lines)
    assert any(line.startswith('refused before training: ') for line in lines)
    assert {p.name for p in workdir.iterdir()} == {
        '.lock', 'checkpoints', 'config.json', 'log.txt', 'study.sqlite'}


def test_the_log_has_the_lines_with_their_times(workdir):
    """All that was printed, tables too."""
    logged = (workdir / 'log.txt').read_text().splitlines()
    assert all(re.match(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ', line) for line in logged)
    printed = workdir.with_name('out.txt').read_text().splitlines()
    assert [line[21:] for line in logged] == [line.rstrip() for line in printed]


def test_a_dry_run_says_what_is_ahead_and_writes_nothing(workdir, capsys, tmp_path):
    limits = {'search.rounds': 1000, 'search.max_minutes': 5.0}
    with tiny_study.small_space():
        new = command_line.run(capsys, 'search', f'--workdir={tmp_path / "new"}',
                               '--dry_run', *_overrides(**limits))
        before = command_line.contents(workdir)
        known = command_line.run(capsys, 'search', f'--workdir={workdir}', '--dry_run',
                                 *_overrides())
    assert (new.code, new.err, known.code, known.err) == (0, '', 0, '')
    assert not (tmp_path / 'new').exists()
    assert command_line.contents(workdir) == before
    names = [line.split(':')[0].split(' ')[0] for line in new.out.splitlines()]
    assert names == ['what', 'space', 'work', 'memory', 'time']
    assert 'at most 2000 trainings in 1000 rounds' in new.out
    assert 'time: about 5 min, the clock; ' in new.out
    assert re.search(r'measured: 2 rounds took about \d+ s; about 0 s are left',
                     known.out)
    refused = command_line.run(capsys, 'search', f'--workdir={workdir}', '--dry_run',
                               *_overrides(**{'train.epochs': 3}))
    assert refused.code == 2 and 'train.epochs: 8 -> 3' in refused.err


def test_report_writes_the_front(workdir, capsys, monkeypatch):
    first = command_line.run(capsys, 'report', f'--workdir={workdir}')
    assert (first.code, first.err) == (0, '')
    with open(workdir / 'front.csv') as file:
        rows = list(csv.DictReader(file))
    assert rows and all(0 <= float(r['test_accuracy']) <= 1 for r in rows)
    for name in ('front.png', 'progress.png'):
        assert (workdir / name).read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    with open(workdir / 'progress.csv') as file:
        rounds = list(csv.DictReader(file))
    assert [r['round'] for r in rounds] == ['1', '2']
    assert max(map(len, first.out.splitlines()[:len(rows) + 4])) <= 80

    def refuse(_):
        raise AssertionError('test data was loaded again')

    monkeypatch.setattr(data, 'load_test', refuse)
    again = command_line.run(capsys, 'report', f'--workdir={workdir}')
    assert again == first


def test_report_leaves_test_data_alone_when_asked(
        workdir, capsys, tmp_path, monkeypatch, without_pictures):
    copy = shutil.copytree(workdir, tmp_path / 'copy')
    monkeypatch.setattr(data, 'load_test', lambda _: pytest.fail('test data'))
    # The accuracies of an earlier report would be read from the study.
    result = command_line.run(capsys, 'report', f'--workdir={copy}', '--notest')
    assert result.code == 0 and 'test %' not in result.out


def test_describe_reads_what_report_wrote(workdir, capsys, without_pictures):
    command_line.run(capsys, 'report', f'--workdir={workdir}')
    network = sorted((workdir / 'networks').iterdir())[0]
    result = command_line.run(
        capsys, 'describe', f'--network={network}', '--input_shape=6,6,1',
        '--num_classes=3', '--json')
    assert result.code == 0
    totals = json.loads(result.out)['totals']
    name = str(int(network.stem.removeprefix('trial_')))
    trained = command_line.run(
        capsys, 'describe', f'--workdir={workdir}', f'--trial={name}', '--json')
    both = json.loads(trained.out)
    assert both['before']['totals'] == totals
    assert both['after']['totals']['model_size'] <= totals['model_size']
    told = both['classes']
    right = sum(row[i] for i, row in enumerate(told['confusion']))
    assert told['names'] == ['0', '1', '2'] and len(told['recall']) == 3
    with open_study(workdir) as study:
        assert study.find(name).error == pytest.approx(1 - right / 60, abs=1e-6)


def test_tables_of_layers_fit_80_columns(workdir, capsys):
    result = command_line.run(capsys, 'describe', f'--workdir={workdir}', '--trial=0')
    assert result.code == 0 and 'before pruning' in result.out
    assert 'recall %' in result.out and 'true class (rows)' in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_more_rounds_and_other_speed_continue(workdir, capsys, tmp_path):
    copy = shutil.copytree(workdir, tmp_path / 'copy')
    with tiny_study.small_space():
        result = command_line.run(
            capsys, 'search', f'--workdir={copy}', '--config.runtime.workers=1',
            *_overrides(**{'search.rounds': tiny_study.ROUNDS + 1}))
    assert result.code == 0 and 'round 3/3' in result.out
    assert 'round 1/3' not in result.out
    stored = json.loads((copy / 'config.json').read_text())
    assert stored['search']['rounds'] == 3 and stored['runtime']['workers'] == 1


def test_a_clock_ends_a_search_and_more_minutes_go_on(capsys, tmp_path):
    def search(minutes, rounds=1000):
        limits = {'search.rounds': rounds, 'search.max_minutes': minutes}
        with tiny_study.small_space():
            return command_line.run(
                capsys, 'search', f'--workdir={tmp_path}', *_overrides(**limits))

    first = search(1e-4)
    end = r'the search ends after 1 round: [\d.]+ of 0.0001 minutes are used, .*'
    assert first.code == 0 and re.search(end, first.out)
    assert re.search(r'^round 1  took ', first.out, re.MULTILINE)
    again = search(1e-4)
    assert re.search(end, again.out) and ' took ' not in again.out
    longer = search(30.0, rounds=2)
    assert 'round 2  took ' in longer.out and 'the search ends' not in longer.out
    assert (tmp_path / 'log.txt').read_text().count('; loading') == 3


def test_another_configuration_is_refused_with_the_difference(workdir, capsys):
    before = command_line.contents(workdir)
    result = command_line.run(
        capsys, 'search', f'--workdir={workdir}', *_overrides(**{'train.epochs': 3}))
    assert result.code == 2
    assert 'train.epochs: 8 -> 3' in result.err and result.err.count('\n') == 1
    assert command_line.contents(workdir) == before


def test_a_search_with_rungs_and_its_report(capsys, tmp_path):
    """Eight points; of the trainings of a rung the better half goes on."""
    rungs = {'search.rungs': (0.25, 0.5, 1.0), 'search.rounds': 4,
             'search.inherit': False}
    with tiny_study.small_space():
        made = command_line.run(
            capsys, 'search', f'--workdir={tmp_path / "run"}', *_overrides(**rungs))
    assert (made.code, made.err) == (0, '')
    with open_study(tmp_path / 'run') as study:
        trials = [row.trial for row in study.records.rows()]
    counts = [sum(trial.rung == rung for trial in trials) for rung in range(3)]
    told = (f'rungs: 8 points, of them went on {counts[1]} to rung 1, {counts[2]} to '
            'rung 2')
    assert counts[0] == 8 and told in made.out.splitlines()
    rounds = [line for line in made.out.splitlines() if ' took ' in line]
    on = [int(line.partition('; ')[2].split('; ')[1].split()[0]) for line in rounds]
    assert on[0] == 0 and sum(on) == counts[1] + counts[2]
    report = command_line.run(
        capsys, 'report', f'--workdir={tmp_path / "run"}', '--notest', '--nosurrogate',
        '--tree')
    assert (report.code, report.err) == (0, '')
    lines = report.out.splitlines()
    assert told in lines and any('epochs' in line for line in lines[:4])
    assert sum('(rung 1): ' in line for line in lines) == counts[1]


@pytest.mark.parametrize('name', command_line.LAUNCHERS)
def test_help_is_short_and_shows_the_flags(name, capsys):
    result = command_line.run(capsys, name, '--help')
    assert result.code == 0 and len(result.out.splitlines()) < 80
    assert f'python -m launch.{name}' in result.out
    assert name in ('data', 'status', 'compare') or '--workdir=...' in result.out
    assert max(map(len, result.out.splitlines())) <= 88


def test_help_shows_defaults_that_equal_booleans(capsys):
    found = command_line.run(capsys, 'search', '--help').out
    flags = dict(re.findall(r'--(\S+)=\.\.\.\n((?:      .*\n)+)', found))
    assert 'Default: 1.' in flags['hosts'] and 'Default: 0.' in flags['host']
    assert 'Default' not in flags['coordinator']
