"""What launchers draw and print: ticks, staircases, tables, live progress."""

import contextlib
import io
import pathlib
import re
import types

import numpy as np
import pytest
from absl import flags
from rich.table import Table

from launch import config_flag, figure, progress, tables
from sparse_jax.report import axes
from sparse_jax.search import loop
from sparse_jax.search.clock import End
from sparse_jax.settings.reading import read
from sparse_jax.settings.stored import dumps
from sparse_jax.settings.tree import to_config
from sparse_jax.study import convergence
from sparse_jax.study.records import Study
from tests import tiny_study


def test_ticks_are_few_powers_of_two():
    assert axes.binary_ticks(100, 3000) == [128, 256, 512, 1024, 2048]
    wide = axes.binary_ticks(64, 70_000)
    assert wide == [64, 256, 1024, 4096, 16384, 65536]
    assert axes.binary_ticks(1030, 2000) == []
    labels = [axes.size_label(v) for v in (256, 512, 1024, 2048, 2**20)]
    assert labels == ['256', '512', '1K', '2K', '1M']
    assert axes.round_ticks(0.9, 25) == [1, 2, 5, 10, 20]


def test_the_staircase_falls_and_has_no_dominated_step():
    sizes = np.array([4.0, 1.0, 2.0, 2.0, 3.0])
    errors = np.array([0.1, 0.5, 0.3, 0.2, 0.4])
    steps, best = figure.staircase(sizes, errors)
    assert steps.tolist() == [1, 2, 4] and best.tolist() == [0.5, 0.2, 0.1]


@pytest.mark.parametrize('errors', [[0.0], [0.9, 0.9], [0.0, 0.5, 0.02], [1.0, 1e-4]])
def test_any_front_can_be_drawn(errors, tmp_path, recwarn):
    sizes = np.geomspace(2000, 20, len(errors))
    points = np.stack([errors, sizes, sizes[::-1]], axis=1)
    shown = figure.Front(points, points, np.array([2048, 1]))
    figure.draw(tmp_path / 'a.png', shown)
    assert (tmp_path / 'a.png').stat().st_size > 5000
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESETS = [path.name for path in sorted((ROOT / 'experiments').glob('*.py'))
           if 'def get_config(' in path.read_text()]


@pytest.mark.parametrize('name', PRESETS)
def test_experiments_have_settings_that_are_allowed(name):
    config = config_flag.load(str(ROOT / 'experiments' / name))
    assert to_config(read(config)).to_dict() == config.to_dict()


def _points(*volumes):
    return [convergence.Point(i + 1, 4 * (i + 1), 80 * (i + 1), v)
            for i, v in enumerate(volumes)]


def test_progress_in_words():
    assert convergence.text(_points(1.0, 2.0)) is None
    assert convergence.text(_points(1.0, 3.0, 3.5, 4.0)) == (
        'hypervolume 4.0000 after 16 candidates and 320 epochs of training, 25.0 % of '
        'it from the last 2 of 4 rounds')
    late = convergence.text(_points(1.0, 1.995, 2.0))
    assert late.endswith('0.2 % of it from the last 1 of 3 rounds; more rounds of this '
                         'search would probably add little')
    # Nothing is found yet: no advice.
    assert convergence.text(_points(0.0, 0.0, 0.0)) is None


def test_the_history_counts_what_was_trained():
    finished = tiny_study.finished()
    with contextlib.closing(Study(finished.workdir, create=False)) as study:
        points, rows, rounds = convergence.history(study), study.rows(), study.rounds()
    assert [p.round for p in points] == list(range(1, tiny_study.ROUNDS + 1))
    assert [p.candidates for p in points] == [2, 4]
    # The second round has heirs.
    assert [p.epochs for p in points] == [16, 24]
    diverged = [*rows[:3], rows[3]._replace(status='nonfinite', error=None)]
    refused = [*rows[:3], rows[3]._replace(status='infeasible', error=None, costs=None)]
    for found, epochs in ((diverged, 24), (refused, 20)):
        records = types.SimpleNamespace(
            rows=lambda found=found: found, rounds=lambda: rounds)
        assert convergence.history(records)[-1].epochs == epochs
    assert [p.hypervolume for p in points] == [r.hypervolume for r in rounds]


def test_reports_know_rungs():
    """Trials 1 and 3 become trainings that go on from 0 and 1."""
    finished = tiny_study.finished()
    with contextlib.closing(Study(finished.workdir, create=False)) as study:
        rows, rounds = study.rows(), study.rounds()
    assert tables.epochs_of(rows, rows) == {} and tables.rungs_text(rows) == ''
    for number, parent, rung in ((1, 0, 1), (3, 1, 2)):
        rows[number] = rows[number]._replace(trial=rows[number].trial._replace(
            parent=parent, rung=rung, origin=0))
    cut = rows[3]._replace(offset=-1.0)
    epochs = tables.epochs_of(rows, [*rows, cut])
    assert epochs == {'0': 8, '1': 16, '2': 4, '3': 20, '3@-1': 20}
    assert tables.rungs_text(rows) == (
        'rungs: 2 points, of them went on 1 to rung 1, 1 to rung 2')
    table = tables.front_table(rows[3:], finished.setup.objectives, epochs=epochs)
    shown = {column.header: list(column.cells) for column in table.columns}
    assert shown['epochs'] == ['20']
    records = types.SimpleNamespace(rows=lambda: rows, rounds=lambda: rounds)
    assert [p.candidates for p in convergence.history(records)] == [1, 2]


def test_a_study_without_a_front_says_why():
    finished = tiny_study.finished()
    with contextlib.closing(Study(finished.workdir, create=False)) as study:
        rows = study.rows()
    aims = finished.setup.objectives
    assert tables.nothing_text([], aims) == 'no measured candidate yet'
    tight = aims._replace(budgets=(('model_size', 40.0), ('macs', 1e9)))
    costs = [row.costs._replace(model_size=n) for row, n in zip(rows, (90, 60, 80))]
    over = [row._replace(status='over-budget', costs=c) for row, c in zip(rows, costs)]
    text = tables.nothing_text([*over, rows[3]._replace(status='nonfinite')], tight)
    assert text == ('no network fits yet: 3 over-budget, 1 nonfinite; nearest to the '
                    'budgets is 1 with model size 60 B')
    flash = aims._replace(names=('error', 'flash'))
    assert tables.nothing_text([rows[0], *over[1:]], flash) == (
        'no network has all figures yet: 1 ok, 2 over-budget; without one of flash')


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _watch(monkeypatch, tmp_path, out):
    """The output of a tiny search that writes to `out`."""
    monkeypatch.setattr('sys.stdout', out)
    monkeypatch.setenv('TERM', 'xterm')
    built, study = tiny_study.finished().setup, Study(tmp_path)
    with progress.Reporter(built, study) as reporter:
        loop.run(built, study, reporter)
    return out.getvalue()


def test_a_terminal_has_a_live_bar(monkeypatch, tmp_path):
    text = _watch(monkeypatch, tmp_path, _Terminal())
    assert '\x1b[2K' in text and 'finished round' in text and '━' in text


def test_elsewhere_there_is_one_line_for_a_group_and_one_for_a_round(
        monkeypatch, tmp_path):
    first, *lines = _watch(monkeypatch, tmp_path, io.StringIO()).splitlines()
    assert re.fullmatch(r'expected: about \d+ s for 2 rounds, by a rough .*', first)
    assert all('best within the bounds ' in line for line in lines[::2])
    assert len(lines) == 2 * tiny_study.ROUNDS
    assert all(line.startswith('round ') and len(line) > 80 for line in lines)
    assert 'left' in lines[0] and 'left' not in lines[-2]
    for line in lines[1::2]:
        assert re.fullmatch(
            r'round ./.  took suggest [\d.]+ s, compile [\d.]+ s, train [\d.]+ s; '
            r'\d+ new programs, padding [\d.]+, slots \d+ %; '
            r'refused \d+ of \d+ proposals', line), line


def test_a_used_up_space_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr('sys.stdout', out := io.StringIO())
    built = tiny_study.finished().setup
    with progress.Reporter(built, Study(tmp_path)) as reporter:
        reporter(loop.Progress('used up', 2, 9, done=5, total=18))
    assert out.getvalue() == ('the space is used up: all of its 5 points are '
                              'evaluated, the search ends here\n')


@pytest.mark.parametrize('end, line', [
    (End(7, 'max_minutes', 20.0), 'the search ends after 7 rounds: 18.5 of 20 minutes '
     'are used, too few are left for another round; a larger search.max_minutes goes '
     'on'),
    (End(7, 'patience', 3), 'the search ends after 7 rounds: the last 3 brought no '
     'gain of hypervolume; a larger search.patience goes on')])
def test_an_early_end_is_one_line(monkeypatch, tmp_path, end, line):
    monkeypatch.setattr('sys.stdout', out := io.StringIO())
    with progress.Reporter(tiny_study.finished().setup, Study(tmp_path)) as reporter:
        reporter(loop.Progress('ended', 7, 100, done=56, total=800, seconds=1110.0,
                               end=end))
    assert out.getvalue() == f'{line}\n'


def test_lines_are_not_wrapped_nor_read_as_markup():
    out = io.StringIO()
    tables.line(tables.console(out), '[red]' + 'x' * 300)
    assert out.getvalue() == '[red]' + 'x' * 300 + '\n'


def test_titles_and_cells_are_no_markup_and_lines_move_no_cursor():
    out = io.StringIO()
    table = Table(title='nets[/old]/a.json')
    table.add_column('class [indoor]')
    table.add_row('a[/x]')
    tables.show(tables.console(out), table)
    assert all(text in out.getvalue() for text in (
        'nets[/old]/a.json', 'class [indoor]', 'a[/x]'))
    out = io.StringIO()
    tables.line(tables.console(out), '\x1b[2Jx')
    assert out.getvalue() == '\ufffd[2Jx\n'


def test_columns_that_never_fold_are_whole_where_no_screen_ends():
    table = Table()
    for _ in range(12):
        table.add_column('a name of a goal', no_wrap=True)
    table.add_row(*map(str, range(1234567, 1234579)))
    out = io.StringIO()
    tables.show(tables.console(out), table)
    assert '1234578' in out.getvalue() and '\u2026' not in out.getvalue()


@pytest.mark.parametrize('title, costs', [('$5_$6: front', 1), ('price_$\\data$', 9)])
def test_any_name_and_any_number_of_costs_can_be_drawn(tmp_path, title, costs):
    points = np.full((1, 1 + costs), 100.0)
    points[0, 0] = 0.1
    names = tuple(f'cost {i}' for i in range(costs))
    shown = figure.Front(points, points, np.full(costs, 2048.0), names=names,
                         title=title)
    figure.draw(tmp_path / 'a.png', shown)
    figure.draw_progress(tmp_path / 'b.png', [1, 2], [0.1, 0.2], title)
    assert (tmp_path / 'a.png').stat().st_size > 5000 < (
        tmp_path / 'b.png').stat().st_size


def _prepared(*words):
    values = flags.FlagValues()
    config_flag.define(values)
    return config_flag.prepare(values, ['x', *words])


def test_a_folder_may_be_called_by_the_time_of_day(tmp_path, monkeypatch):
    folder = tmp_path / '12:30:00'
    folder.mkdir()
    (folder / 'config.json').write_text(dumps(tiny_study.settings()))
    path = str(folder / 'config.json')
    assert config_flag.load(path).train.epochs == 8
    argv = _prepared(f'--config={path}')
    assert argv[1].endswith(path) and config_flag.given() == (path, [])


@pytest.mark.parametrize('words, expected', [
    (['--config.objectives.quantized', '--workdir', '/x', '--config.seed=1'],
     ['--config.objectives.quantized', '--config.seed=1']),
    (['--config.data.validation_size', '-1', '--workdir=x'],
     ['--config.data.validation_size=-1'])])
def test_overrides_take_the_next_word_as_flags_do(words, expected):
    _prepared('--config=experiments/digits.py', *words)
    assert config_flag.given()[1] == expected
