"""experiments.paper.table: the paper's tables with rows that were run here."""

import dataclasses
import json
import shlex
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest

import sparse_jax
from experiments import chars4k_binary_cpu, cifar10_binary_cpu, mnist_cpu
from experiments.paper import markdown, ours, published, table, verdict
from experiments.paper.chip import Chip
from sparse_jax import data
from sparse_jax.baselines import rows
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.quantize import int8_accuracy
from sparse_jax.settings.reading import read
from sparse_jax.study import finals
from sparse_jax.study import front as fronts
from sparse_jax.study.front import TESTS
from tests.launch.command_line import ENVIRONMENT, ROOT
from tests.paper import digits_study

COSTS = Totals(1800, 630, 1400, 9000)
OURS = ours.Ours('small', 'mnist-10', 'B', '', '7@-1', 0.96, 0.9581, COSTS, COSTS,
                 Chip(1900, 620, 2500, 12.5, True), 1.5, 40, 3, '2026-01-01',
                 'python -m launch.search')
ROW = published.Published('B', 'mnist-10', 'SpArSe', 'poster', 95.8, 1802, 635)


def test_published_figures_are_those_of_the_presets():
    found = {(row.table, row.set, row.accuracy): row for row in published.everything()}
    for set_, accuracy, row in (
            ('mnist-10', 97.0, mnist_cpu.ROWS['wide']),
            ('mnist-10', 95.8, mnist_cpu.ROWS['small']),
            ('cifar10-2', 73.66, cifar10_binary_cpu.ROWS['wide']),
            ('cifar10-2', 71.76, cifar10_binary_cpu.ROWS['small']),
            ('chars4k-2', 76.8, chars4k_binary_cpu.ROWS['narrow'])):
        mark = found['B', set_, accuracy]
        assert (mark.model_size, mark.working_memory) == row[:2]
    # Table C: 2.77 and 1.96 KB.
    assert found['C', 'mnist-10', 98.64].model_size == round(2.77 * 1024)
    assert found['C', 'mnist-10', 98.64].working_memory == round(1.96 * 1024)


def test_published_rows_are_whole():
    for row in published.everything():
        assert row.table in published.TABLES and row.source
        assert row.accuracy or row.is_paper
        assert bool(row.against) == (row.table == 'A' and row.is_paper)
        # A competitor of table A stands in it with its own figures.
        if row.against:
            theirs = [r for r in published.rows('A', row.set)
                      if r.system == row.against]
            assert len(theirs) == 1, row
            if row.accuracy and theirs[0].accuracy:
                assert row.accuracy >= theirs[0].accuracy


@pytest.mark.parametrize('changes, words', [
    ({}, 'won'),
    ({'test': 0.958}, 'won'),
    ({'test': 0.95789}, 'not won: 0.01 points of accuracy'),
    ({'costs': COSTS._replace(model_size=1803)}, 'not won: 1 B of model too many'),
    ({'costs': COSTS._replace(working_memory=700), 'test': 0.9},
     'not won: 5.80 points of accuracy, 65 B of working memory too many')])
def test_a_row_is_won_by_all_figures(changes, words):
    assert verdict.verdict(ROW, OURS._replace(**changes)) == words


def test_the_memory_model_is_that_of_the_table():
    row = ROW._replace(table='C')
    assert verdict.verdict(row, OURS) == (
        'not won: 765 B of working memory too many')
    assert verdict.verdict(row._replace(working_memory=1400), OURS) == 'won'
    # Table A counts values alone, and says so.
    row = ROW._replace(table='A', working_memory=None, model_size=1000)
    assert verdict.verdict(row, OURS) == 'not won: 800 non-zeros too many'


def test_what_nobody_knows_is_not_won():
    assert verdict.verdict(ROW._replace(accuracy=None), OURS) == (
        'open: accuracy of the row is not known')
    assert verdict.verdict(ROW._replace(model_size=None), OURS) == (
        'open: model size of the row is not known')


def test_validation_and_costs_pick_the_network_never_the_test():
    large = OURS._replace(name='large', validation=0.99, test=0.99,
                          costs=COSTS._replace(model_size=1900))
    lucky = OURS._replace(name='lucky', validation=0.95, test=0.999)
    other = OURS._replace(name='other', set='mnist-2', validation=1.0)
    third = OURS._replace(name='third', table='C', validation=1.0)
    assert verdict.pick(ROW, [large, lucky, other, third, OURS]) is OURS
    larger = large._replace(costs=COSTS._replace(model_size=4000))
    assert verdict.pick(ROW, [larger, large]) is large
    assert verdict.pick(ROW, [other, third]) is None


@pytest.mark.parametrize('objectives, name', [
    (Objectives(), 'B'),
    (Objectives(memory='working_memory_weights'), 'C'),
    (Objectives(names=('error', 'model_size')), 'A'),
    (Objectives(names=('error', 'model_size'), budgets=(('working_memory', 9),)), 'B')])
def test_goals_and_budgets_decide_the_table(objectives, name):
    assert ours.table_of(objectives) == name


def test_competitors_run_here_stand_beside_the_published_ones():
    row = rows.Row('bonsai', 'cifar10_binary', 2, 'abc', 'def', 0.7, 0.7123, 2048, 512,
                   500, 3, 1.0, {}, {'kilobytes': 2.0, 'seed': 0})
    found = markdown.table('A', 'cifar10-2', [row], [])
    line, = [one for one in found.splitlines() if one.startswith('| Bonsai, 2 KB ')]
    assert line.split(' | ')[1:5] == ['73.02', '507', '71.23', '500']
    odd = dataclasses.replace(row, asked={'kilobytes': 5.0})
    assert '| Bonsai, 5 KB | – | – | 71.23 | 500 |' in markdown.table(
        'A', 'cifar10-2', [odd], [])


def test_kept_competitors_stand_in_the_tables_of_their_data(tmp_path):
    row = rows.Row('knn', 'usps_binary', 2, 'abc', 'def', 0.7, 0.7123, 2048, 512, 500,
                   3, 1.0, {}, {'kilobytes': 2.0, 'seed': 0})
    other = dataclasses.replace(row, data='digits', classes=10)
    rows.write(tmp_path / 'usps_2kb', [row, other])
    found = table.with_kept(table.Read([], [], []), ['usps-2'], tmp_path)
    assert found.run == [row]
    text = table.text(found, hardware='', sets=['usps-2'])
    assert '| kNN | 96.70 | 1,866,496 | 71.23 | 500 |' in text
    again = table.with_kept(found, [], tmp_path)
    assert again.run == [row]
    assert not table.with_kept(table.Read([], [], []), ['mnist-10'], tmp_path).run


def test_committed_rows_are_as_they_were_written():
    folders = [path.parent for path in table.ROWS.glob('*/*.json')]
    assert folders
    for folder in folders:
        assert rows.is_whole(folder, rows.read(folder))


def test_random_search_is_a_competitor():
    chance = OURS._replace(name='chance', algorithm='random', validation=1.0)
    assert verdict.pick(ROW, [chance]) is None
    assert verdict.pick(ROW, [chance, OURS]) is OURS
    assert '| random search: chance | 95.81 | 630 | 1,800 |' in markdown.table(
        'B', 'mnist-10', [], [chance])
    assert '| random search: chance | – | – | 95.81 | 1,800 | –' in markdown.table(
        'A', 'mnist-10', [], [chance._replace(table='A')])


def test_two_classes_are_told_in_both_ways():
    own = COSTS._replace(model_size=1700)
    assert '| 1,800 (1,700) |' in markdown.details([OURS._replace(own=own)])
    assert '| 1,800 |' in markdown.details([OURS])


def test_a_search_stands_for_what_its_budget_holds_with_two_units(tmp_path):
    """The best network is within the budget by the unit that the fold saves alone."""
    folder = tmp_path / 'two'
    shutil.copytree(digits_study.folder('binary'), folder)
    with sparse_jax.open_study(folder) as study:
        networks, objectives = study.records.networks(), study.objectives
        best = finals.chosen(networks, objectives)
        own = best.costs.model_size
        counted = fronts.as_two_units(study.network(best)).model_size
        assert counted > own
        rest = [row for row in networks if row.trial.first != best.trial.first]
        other = finals.chosen(rest, objectives)
        assert other is not None

        def with_budget(most):
            held = objectives._replace(budgets=(('model_size', most),))
            return ours.stands_for(types.SimpleNamespace(
                records=study.records, network=study.network, objectives=held))

        assert with_budget(counted).name == best.name
        over = with_budget(counted - 1)
        small = fronts.as_two_units(study.network(other)).model_size < counted
        assert over.name == (other.name if small else best.name)


def test_a_study_of_digits_becomes_its_row(tmp_path):
    folder, out = tmp_path / 'digits', tmp_path / 'tables.md'
    shutil.copytree(digits_study.folder(), folder)
    table.main([f'--workdirs={folder}', f'--out={out}', '--cores=2'])
    text = out.read_text()
    with sparse_jax.open_study(folder) as study:
        best = study.network()
        test = data.load_test(study.data_spec)
        accuracy = int8_accuracy(best.net, study.dataset.train.images[:256], *test)
        stored = json.loads(study.records.meta(TESTS))
    assert list(stored) == [best.row.name] and stored[best.row.name] == accuracy
    costs = best.row.costs
    assert f'| random search: digits | {100 * accuracy:.2f} | ' \
           f'{costs.working_memory} | ' \
           f'{costs.model_size} | trial {best.row.name}, int8, seed 0 |' in text
    row, = [line for line in text.splitlines() if line.startswith('| digits | digits-')]
    cells = row.split(' | ')
    assert cells[7:9] == [str(costs.working_memory), str(costs.working_memory_weights)]
    ram, flash = (int(cell.split()[0].replace(',', '')) for cell in cells[9:11])
    assert 0 < ram <= costs.working_memory and flash > 500
    assert cells[13] == '2' and np.isfinite(float(cells[11]))
    # The command makes the same settings again.
    line, = [one for one in text.splitlines() if one.startswith('python -m launch.')]
    assert "--config.data.max_train=300" in line and 'config.search.batch=2' in line
    # Again: nothing is tested twice, and the text is the same.
    table.main([f'--workdirs={folder}', f'--out={out}', '--cores=2'])
    assert out.read_text() == text


def test_the_command_of_a_row_gives_its_settings():
    config = sparse_jax.default_config()
    config.update_from_flattened_dict({
        'search.rungs': (0.1, 1.0), 'space.restrict': 'batch-norm=true, alpha=0.1:1',
        'seed': 3, 'pruning.cuts': ()})
    words = shlex.split(ours.command(read(config)))[4:]
    given = dict(word.removeprefix('--config.').split('=', 1) for word in words)
    assert given == {
        'search.rungs': '(0.1, 1.0)', 'seed': '3', 'pruning.cuts': '()',
        'space.restrict': 'batch-norm=true, alpha=0.1:1'}


@pytest.mark.parametrize('words, line', [
    ([], 'nothing to print'), (['--sets=mnist'], '--sets=mnist: allowed: '),
    (['--workdirs=/nowhere'], 'no study here'), (['--sets=usps-2', '--cores=0'],
                                                 '--cores=0: allowed: '),
    (['--sets=usps-2', '--out=/nowhere/a.md'], '--out=/nowhere/a.md: allowed: a file'),
    (['--sets=usps-2', '--out=docs'], '--out=docs: allowed: a file in a folder'),
    (['--cores=two'], "argument --cores: invalid int value: 'two'"),
    (['--workdir=runs'], 'unrecognized arguments: --workdir=runs')])
def test_mistakes_are_one_line(capsys, words, line):
    with pytest.raises(SystemExit) as stop:
        table.main(words)
    found = capsys.readouterr()
    assert stop.value.code == 2 and not found.out
    assert line in found.err and found.err.count('\n') == 1


@pytest.mark.slow
def test_the_command():
    found = subprocess.run(
        [sys.executable, '-m', 'experiments.paper.table', '--sets=usps-2'], cwd=ROOT,
        env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0 and '| SpArSe, both under 2 KB | 96.21 | 1,004 | ' \
        '1,516 |' in found.stdout, found.stderr
