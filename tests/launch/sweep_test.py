"""launch.sweep: its commands, what it runs, what it gathers."""

import contextlib
import csv
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from launch import sweep_run, tables
from sparse_jax.settings.stored import dumps
from sparse_jax.study import folder as folders
from sparse_jax.study.names import FILE
from sparse_jax.study.records import Study
from sparse_jax.sweep import results
from sparse_jax.sweep.commands import Command
from tests import tiny_study
from tests.launch import command_line

SWEEP = 'config.pruning.method=sparse_vd,none; config.seed=0:2'
NAMES = [f'method={method},seed={seed}'
         for method in ('sparse_vd', 'none') for seed in range(2)]


def _flags(workdir, **changes):
    settings = {name: value for name, value in tiny_study.overrides().items()
                if name != 'search.rounds'} | changes
    return [f'--workdir={workdir}', f'--sweep={SWEEP}', *(
        f'--config.{name}={value}' for name, value in settings.items())]


def _finished(workdir, name='method=sparse_vd,seed=0', **changes):
    """A point of the sweep that has ended."""
    made = shutil.copytree(tiny_study.finished().workdir, workdir / name)
    (made / 'config.json').write_text(dumps(
        tiny_study.settings(objectives__error=0.03, **changes)))
    with contextlib.closing(Study(made)) as records:
        folders.mark_finished(records)
    return made


def test_the_commands_are_printed_but_of_what_has_finished(tmp_path, capsys):
    flags = [*_flags(tmp_path / 'a b'), f'--config.search.rounds={tiny_study.ROUNDS}']
    found = command_line.run(capsys, 'sweep', '--executor=print', *flags)
    assert (found.code, found.err) == (0, '')
    lines = [shlex.split(line) for line in found.out.splitlines()]
    assert [words[-1] for words in lines] == [
        f'--workdir={tmp_path}/a b/{name}' for name in NAMES]
    assert all(words[1:3] == ['-m', 'launch.search'] for words in lines)
    assert '--config.pruning.method=none' in lines[2]
    assert not list(tmp_path.iterdir())
    _finished(tmp_path / 'a b')
    again = command_line.run(capsys, 'sweep', '--executor=print', *flags)
    assert again.out.splitlines() == found.out.splitlines()[1:]
    # With more rounds there is more to do.
    flags[-1] = '--config.search.rounds=5'
    more = command_line.run(capsys, 'sweep', '--executor=print', *flags)
    assert len(more.out.splitlines()) == len(NAMES)


@pytest.mark.parametrize('text, words', [
    ('config.search.rungs=(0.5,1),(0.5,1.0)',
     'points 0 and 1 of the sweep are equal'),
    ('config.search.inherit=True,true', 'inherit=True and inherit=true'),
    ('config.search.min_overlap=0.5,5e-1', 'min_overlap=0.5 and min_overlap=5e-1')])
def test_one_value_spelt_in_two_ways_is_one_line(tmp_path, capsys, text, words):
    flags = [word for word in _flags(tmp_path / 'new') if '--sweep' not in word]
    found = command_line.run(
        capsys, 'sweep', '--executor=print', f'--sweep={text}', *flags)
    assert found.code == 2 and words in found.err and found.out == ''
    assert len(found.err.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_what_is_there_is_gathered(tmp_path, capsys):
    flags = [*_flags(tmp_path), f'--config.search.rounds={tiny_study.ROUNDS}']
    _finished(tmp_path)
    _finished(tmp_path, NAMES[1], seed=1, search__rounds=9)
    (tmp_path / NAMES[2]).mkdir()
    (tmp_path / NAMES[2] / FILE).write_text('nothing')
    found = command_line.run(capsys, 'sweep', '--executor=none', *flags)
    assert (found.code, found.err) == (0, '')
    with open(tmp_path / 'sweep.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['point'] for row in rows] == NAMES
    assert [row['status'] for row in rows] == [
        'finished', 'finished', 'unreadable', 'waiting']
    assert [row['config.seed'] for row in rows] == ['0', '1', '0', '1']
    with contextlib.closing(Study(tmp_path / NAMES[0], create=False)) as records:
        assert float(rows[0]['hypervolume']) == records.rounds()[-1].hypervolume
        errors = [row.error for row in records.networks() if row.ok
                  and max(row.costs.model_size, row.costs.working_memory) <= 2048]
    assert float(rows[0]['validation_error']) == min(errors)
    assert rows[2]['network'] == rows[3]['hypervolume'] == ''
    assert f'{NAMES[2]}: unreadable' in found.out.splitlines()
    assert f'written: {tmp_path}/sweep.csv' in found.out.splitlines()


def _results(errors, method='none'):
    return [results.Result(
        Command(i, f'{method}{i}', {'config.pruning.method': method, 'config.seed': i},
                None, ()), 'finished', hypervolume=10 * error,
        figures={'error': error}) for i, error in enumerate(errors)]


def test_medians_are_over_seeds_alone():
    groups = results.groups_of([*_results([0.1, 0.4, 0.2]), *_results([0.5], 'x')])
    assert [group.name for group in groups] == ['method=none', 'method=x']
    assert groups[0].figures('error') == [0.1, 0.4, 0.2]
    assert groups[0].figures('ram') == [] and len(groups[1].results) == 1
    percent = lambda error: f'{100 * error:.0f}'
    assert tables.median_text([0.1, 0.4, None, 0.2], percent) == '20\n10-40'
    assert tables.median_text([0.5, 0.501], percent) == '50'
    assert tables.median_text([None], percent) == ''
    assert tables.without_key(['method=none', 'method=x'], 'point') == (
        'method', ['none', 'x'])
    for names in (['a=1', 'b=1'], ['a=1,b=2'], ['as_it_is']):
        assert tables.without_key(names, 'point') == ('point', names)


def _program(text, folder, name):
    return Command(0, name, {}, folder / name, (sys.executable, '-c', text))


def test_one_that_fails_does_not_stop_the_others(tmp_path, capsys):
    settings = tiny_study.settings()
    leave = f'open({str(tmp_path / "last")!r}, "w").close()'
    found = [(_program('raise SystemExit(3)', tmp_path, 'bad'), settings),
             (_program(leave, tmp_path, 'good'), settings)]
    assert sweep_run.run(found) == {'bad'}
    assert (tmp_path / 'last').exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines == ['point 1/2 bad', 'point 1/2 bad: failed with exit code 3',
                     'point 2/2 good']
    reached = [results.result_of(*pair, failed=pair[0].name == 'bad') for pair in found]
    assert [result.state for result in reached] == ['failed', 'waiting']


def test_a_search_that_is_stopped_ends_the_sweep(tmp_path, capsys):
    settings = tiny_study.settings()
    found = [(_program('raise SystemExit(130)', tmp_path, 'one'), settings),
             (_program('raise SystemExit(4)', tmp_path, 'two'), settings)]
    with pytest.raises(SystemExit) as stop:
        sweep_run.run(found)
    assert stop.value.code == 130
    assert capsys.readouterr().err == 'error: stopped; the same command continues\n'


def test_a_sweep_that_is_stopped_stops_its_search(tmp_path):
    code = ('import subprocess, sys\n'
            'from launch import interrupts\n'
            'interrupts.install()\n'
            'text = "import time; print(1, flush=True); time.sleep(100)"\n'
            'with subprocess.Popen([sys.executable, "-c", text]) as process:\n'
            '    print(process.pid, flush=True)\n'
            '    with interrupts.child(process):\n'
            '        process.wait()\n')
    process = subprocess.Popen(
        [sys.executable, '-c', code], cwd=command_line.ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        child = int(process.stdout.readline())
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        for _ in range(600):
            try:
                os.kill(child, 0)
            except ProcessLookupError:
                break
            time.sleep(0.1)
        else:
            pytest.fail('the search goes on')
    finally:
        process.kill()


@pytest.mark.parametrize('text, words', [
    ('return hyper.sweep("config.seed", [3, 1])', None),
    ('return hyper.swep("config.seed", [3, 1])', "get_hyper(): AttributeError: module"),
    ('return 3', 'get_hyper() gives 3; allowed: a list, as hyper.sweep('),
    ('return hyper.sweep("seed", [3, 1])', "'seed' is swept, which is no setting"),
])
def test_an_experiment_file_has_the_points(text, words, tmp_path, capsys):
    file = tmp_path / 'mine.py'
    file.write_text('from sparse_jax import default_config\n'
                    'def get_config(rounds="4"):\n'
                    '    config = default_config()\n'
                    '    config.search.rounds = int(rounds)\n'
                    '    return config\n'
                    f'def get_hyper(hyper):\n    {text}\n')
    found = command_line.run(capsys, 'sweep', f'--config={file}:7', '--executor=print',
                             f'--workdir={tmp_path}/new')
    if words:
        assert found.code == 2 and words in found.err and found.err.count('\n') == 1
    else:
        lines = found.out.splitlines()
        assert [line.split('--workdir=')[1] for line in lines] == [
            f'{tmp_path}/new/seed=3', f'{tmp_path}/new/seed=1']
        assert all(f'--config={file}:7 ' in line for line in lines)


def test_the_preset_with_an_argument(tmp_path, capsys):
    found = command_line.run(
        capsys, 'sweep', '--config=experiments/digits_methods.py:7',
        '--executor=print', f'--workdir={tmp_path}')
    assert (found.code, found.err) == (0, '')
    assert [line.rpartition('/')[2] for line in found.out.splitlines()] == [
        f'method={method},seed={seed}' for method in ('sparse_vd', 'bayes_compress')
        for seed in range(3)]


@pytest.mark.slow
def test_a_sweep_from_end_to_end(tmp_path):
    more = {'search.rounds': 1, 'search.initial': 2, 'search.max_groups': 1,
            'search.initial_groups': 1, 'limits.max_macs': 20_000, 'train.epochs': 1}
    argv = [sys.executable, '-m', 'launch.sweep', f'--cache_dir={tmp_path}/cache',
            *_flags(tmp_path / 'runs', **more)]

    def run(*flags):
        return subprocess.run([*argv, *flags], cwd=command_line.ROOT, text=True,
                              capture_output=True, timeout=600, check=False)

    alone = run('--task=1')
    assert alone.returncode == 0, alone.stderr
    assert [path.name for path in (tmp_path / 'runs').iterdir()] == [NAMES[1]]
    done = run()
    assert done.returncode == 0, done.stderr
    assert f'point 2/4 {NAMES[1]}: finished before' in done.stdout
    first = (tmp_path / 'runs' / 'sweep.csv').read_text()
    again = run()
    assert again.stdout.count('finished before') == 4
    assert (tmp_path / 'runs' / 'sweep.csv').read_text() == first
    with open(tmp_path / 'runs' / 'sweep.csv') as file:
        assert {row['status'] for row in csv.DictReader(file)} == {'finished'}
