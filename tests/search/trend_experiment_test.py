"""Slopes that searches have in common."""

import numpy as np
import pytest

from experiments import trend as experiment
from experiments.trend import Trainings
from sparse_jax.objectives import structure

F = len(structure.NAMES)
SLOPE = np.linspace(-1, 1, F)


def _study(data, seed, level, count=200):
    """Errors of a common line about a level of their own; an eighth was suggested, by
    somebody who knew nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, F)) + rng.normal(size=F)
    errors = level * np.exp(0.1 * (x - x.mean(0)) @ SLOPE)
    expected = np.where(np.arange(count) < 175, np.nan, rng.random(count))
    return Trainings(data, x, errors, expected, np.arange(count) % 4 == 1)


STUDIES = {'a': _study('mnist', 0, 0.02), 'b': _study('cifar10', 1, 0.3)}


def test_studies_count_by_their_own_level_and_spread():
    known = experiment.slopes([study.own for study in STUDIES.values()])
    found = known.slope / known.spread
    assert np.corrcoef(found, SLOPE)[0, 1] > 0.97
    one = STUDIES['a'].own
    # A hundred times the errors are the same study.
    other = one._replace(errors=100 * one.errors)
    np.testing.assert_allclose(experiment.slopes([other]).slope,
                               experiment.slopes([one]).slope)


def test_heirs_are_left_out():
    assert len(STUDIES['a'].own.errors) == 150
    assert len(STUDIES['a'].own.vectors) == 150


def test_the_table_tells_a_common_line_from_one_that_knows_nothing(capsys):
    experiment.print_table(STUDIES)
    lines = [line.split(' | ') for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines[2:]] == [
        '| a', '| b', '| 1 studies', '| 1 studies', '| 2 studies']
    of_others, products, trend, search = map(
        float, [cell.removesuffix(' |') for cell in lines[-1][3:]])
    assert of_others > 0.95 and trend > 0.9
    assert abs(products) < 0.6 and abs(search) < 0.5


def test_studies_of_one_name_are_two(monkeypatch, capsys):
    monkeypatch.setattr(experiment, 'read', lambda path: STUDIES[path[0]])
    experiment.main(['a/seed', 'b/seed'])
    shown = capsys.readouterr().out
    assert '| a/seed | mnist |' in shown and '| b/seed | cifar10 |' in shown


def test_a_folder_without_a_study_is_one_line(tmp_path, capsys):
    (tmp_path / 'config.json').write_text('{"data": 3}')
    with pytest.raises(SystemExit, match='2'):
        experiment.main([str(tmp_path)])
    found = capsys.readouterr()
    assert found.err.count('\n') == 1 and found.err.startswith('error: ')


def test_studies_of_one_data_set_say_nothing_of_others(monkeypatch, capsys):
    monkeypatch.setattr(experiment, 'read', lambda path: STUDIES['a'])
    with pytest.raises(SystemExit, match='2'):
        experiment.main(['x', 'y'])
    assert 'studies of one data set; allowed: of two or more' in capsys.readouterr().err
