"""A random search as a competitor: its row, and where the row stands."""

import dataclasses
import json
import shutil

import pytest

import sparse_jax
from experiments.paper import markdown
from sparse_jax import data
from sparse_jax.baselines import rows
from sparse_jax.comparison import random_search
from sparse_jax.quantize import int8_accuracy
from sparse_jax.study.errors import StudyError
from tests.launch import command_line
from tests.paper import digits_study

TREE = rows.Row('bonsai', 'mnist', 10, 'abc', 'def', 0.95, 0.9572, 69_760, 17_440,
                16_600, 12, 1.0, {}, {'kilobytes': 84.0, 'epochs': 20, 'seed': 0})
LONGER = dataclasses.replace(TREE, validation=0.97, test=0.9739, values=14_752,
                             asked={'kilobytes': 84.0, 'epochs': 150, 'seed': 0})
CHANCE = rows.Row(
    'random-search', 'mnist', 10, 'abc', 'def', 0.98, 0.9812, 7000, 1750, 1750, 40,
    610.0, {}, {'minutes': 10.0, 'initial_design': 'filled', 'seed': 0},
    {'working_memory': 620, 'working_memory_weights': 1400,
     'working_memory_without_image': 480})


@pytest.fixture
def study(tmp_path):
    """A study of random search on digits, to be written to."""
    shutil.copytree(digits_study.folder(), tmp_path / 'study')
    return tmp_path / 'study'


def _run(capsys, study, workdir, *more):
    return command_line.run(
        capsys, 'baselines', f'--config={study}/config.json', f'--workdir={workdir}',
        f'--random_search={study}', *more)


def test_a_random_search_becomes_a_row_once(study, tmp_path, capsys):
    first = _run(capsys, study, tmp_path / 'rows', '--methods=')
    assert first.code == 0, first.err
    row, = rows.read(tmp_path / 'rows')
    with sparse_jax.open_study(study) as opened:
        best, spec = opened.network(), opened.data_spec
        calibration = opened.dataset.train.images[:256]
        accuracy = int8_accuracy(best.net, calibration, *data.load_test(spec))
        assert row.split == data.digest(opened.dataset)
    costs = best.row.costs
    assert (row.validation, row.test) == (1 - best.row.error, accuracy)
    assert row.values == costs.model_size and row.tried == 2 and row.seed == 0
    assert row.memory['working_memory'] == costs.working_memory
    assert row.asked['trial'] == best.row.name
    assert row.asked['budgets.working_memory'] == 2048
    before = command_line.contents(tmp_path / 'rows')
    again = _run(capsys, study, tmp_path / 'rows', '--methods=')
    assert again.out == first.out
    assert command_line.contents(tmp_path / 'rows') == before
    # Other methods stand beside it, and leave it as it is.
    more = _run(capsys, study, tmp_path / 'rows', '--methods=knn')
    assert more.code == 0 and rows.read(tmp_path / 'rows')[0] == row
    found = _run(capsys, study, tmp_path / 'rows', '--config.data.seed=1')
    assert found.code == 2 and 'has rows of other data' in found.err
    found = _run(capsys, study, tmp_path / 'new', '--config.data.seed=1', '--methods=')
    assert found.code == 2 and 'images are others; allowed: ' in found.err
    assert not (tmp_path / 'new').exists()


def test_only_random_searches_are_competitors(study):
    with sparse_jax.open_study(study) as opened:
        for setting, value in (('search.algorithm', 'ehvi'),
                               ('objectives.balanced', True)):
            group, name = setting.split('.')
            settings = dataclasses.replace(opened.settings, **{group: (
                dataclasses.replace(getattr(opened.settings, group), **{name: value}))})
            other = dataclasses.replace(opened, settings=settings)
            with pytest.raises(StudyError, match=f'{setting} is .* allowed: '):
                random_search.check(other)


def test_a_row_keeps_its_memory_and_others_stay_as_they_were(tmp_path):
    rows.write(tmp_path, [TREE])
    plain, = json.loads((tmp_path / rows.JSON).read_text())['rows']
    assert 'memory' not in plain
    assert 'memory' not in (tmp_path / rows.CSV).read_text()
    rows.write(tmp_path, [TREE, CHANCE])
    assert rows.read(tmp_path) == [TREE, CHANCE]
    head, tree, chance = (tmp_path / rows.CSV).read_text().splitlines()
    assert head.endswith(',memory') and tree.endswith(',') and '480' in chance


@pytest.mark.parametrize('table, line', [
    ('A', '| CNN, random search | – | – | 98.12 | 1,750 | –'),
    ('B', '| CNN, random search | 98.12 | 620 | 1,750 | run here on mnist'),
    ('C', '| CNN, random search | 98.12 | 1,400 | 1,750 | run here on mnist'),
    ('D', '| CNN, random search | 98.12 | 480 | 1,750 | run here on mnist')])
def test_random_search_stands_in_all_tables(table, line):
    text = markdown.table(table, 'mnist-10', [TREE, CHANCE], [], {})
    assert line in text and ('Bonsai, 84 KB' in text) == (table != 'D')
    if table == 'A':
        assert ('CNN, random search (best of 40, filled draws, 10 minutes, seed 0)'
                ) in text


@pytest.mark.parametrize('run', [[TREE, LONGER], [LONGER, TREE]])
def test_of_several_trainings_of_a_method_the_best_by_validation_stands(run):
    text = markdown.table('A', 'mnist-10', run, [], {})
    line, = [one for one in text.splitlines() if one.startswith('| Bonsai ')]
    assert line.split(' | ')[1:5] == ['97.01', '21,504', '97.39', '14,752']
    assert 'Bonsai, 84 KB (best of 12, 150 epochs, seed 0).' in text
    text = markdown.table('B', 'mnist-10', run, [], {})
    assert text.count('| Bonsai, 84 KB |') == 1 and '| 97.39 |' in text
    smaller = dataclasses.replace(LONGER, published_bytes=5)
    assert markdown.best_of([LONGER, smaller, LONGER], ()) == [smaller]
    # Another size is another row, unless the papers have one of that name.
    other = dataclasses.replace(TREE, asked=TREE.asked | {'kilobytes': 2.0})
    assert len(markdown.best_of([LONGER, other], ())) == 2
    assert markdown.best_of([LONGER, other], ['Bonsai']) == [LONGER]
