"""Every point is one observation, of its longest training, and levelled by hand."""

import numpy as np

from sparse_jax import status
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search import seen
from sparse_jax.search.seen import Gain
from sparse_jax.study.outcome import FINAL, Trial, outside
from sparse_jax.study.records import Record

AIMS = Objectives(('error', 'model_size'), (0.1, 300.0), 0.9)
HARD = AIMS._replace(budgets=(('model_size', 200.0), ('macs', 1000.0)))


def _row(number, error, size=100, *, name='ok', rung=0, origin=None, parent=None):
    costs = None if error is None else Totals(**dict.fromkeys(Totals._fields, 7) | {
        'model_size': size})
    place = number if origin is None else origin
    trial = Trial(number, np.array([0.5, place / 10]), 4,
                  parent if origin is None else origin, rung, origin)
    return Record(trial, 0, name, {}, error, costs, costs, 0.1)


def _after(*rounds, aims=AIMS):
    found = seen.nothing(2, aims)
    for rows in rounds:
        found = seen.add(found, list(rows), aims)
    return found


FIRST = [_row(0, 0.5, 200), _row(1, 0.4, 100), _row(2, None, name='nonfinite')]


def test_the_highest_rung_takes_the_place_of_the_others():
    found = _after(FIRST, [_row(3, 0.3), _row(4, 0.2, 90, rung=1, origin=1)],
                   [_row(5, 0.1, 80, rung=2, origin=1)])
    assert (found.firsts, found.rungs) == ((0, 1, 2, 3), (0, 2, 0, 0))
    np.testing.assert_array_equal(found.archive.x[:, 1], [0, 0.1, 0.2, 0.3])
    np.testing.assert_array_equal(
        found.archive.y, [[0.5, 200], [0.1, 80], [np.nan, np.nan], [0.3, 100]])
    assert found.archive.status.tolist() == [
        status.OK, status.OK, status.NONFINITE, status.OK]
    assert found.archive.rounds == 3
    factors = [gain.factors for gain in found.gains]
    np.testing.assert_allclose(factors, np.log([[0.5, 0.9], [0.5, 8 / 9]]))
    assert [gain.rung for gain in found.gains] == [0, 1]


def test_gains_are_those_of_one_rung():
    """The training at rung 1 has nothing at its own cut; another cut went on."""
    found = _after(FIRST, [_row(4, None, name='empty', rung=1, origin=1)],
                   [_row(5, 0.1, 80, rung=2, origin=1)])
    assert found.rungs == (0, 2, 0) and found.gains == ()
    np.testing.assert_array_equal(found.archive.y[1], [0.1, 80])


def test_a_longer_training_that_fails_changes_nothing():
    found = _after(FIRST, [_row(3, None, name='nonfinite', rung=1, origin=1),
                           _row(4, 0.9, 0, name='empty', rung=1, origin=0)])
    before = _after(FIRST, [])
    for old, new in zip(before.archive, found.archive):
        np.testing.assert_array_equal(old, new)
    assert (found.rungs, found.gains) == ((0, 0, 0), ())


def test_budgets_are_those_of_the_longer_training():
    found = _after([_row(0, 0.5, 400, name='over-budget')],
                   [_row(1, 0.4, 150, rung=1, origin=0)], aims=HARD)
    assert found.archive.excess.tolist() == [0.0]
    assert found.archive.further.tolist() == [[7.0]]
    assert found.archive.status.tolist() == [status.OK]


def test_trainings_of_the_end_are_not_seen():
    found = _after(FIRST, [_row(3, 0.01, rung=FINAL, origin=0)])
    np.testing.assert_array_equal(found.archive.y[0], [0.5, 200])
    assert found.archive.size == 3


def _gains(rung, *factors, heir=False):
    return [Gain(rung, heir, np.log(f)) for f in factors]


def test_without_promotions_nothing_is_levelled():
    found = _after(FIRST)
    assert seen.levelled(found, AIMS) is found.archive


def test_short_trainings_are_levelled_by_the_medians_of_the_gains():
    """From rung 0 to 1 errors halve and sizes stay, from 1 to 2 errors shrink by a
    fifth and sizes by a half."""
    found = _after([_row(0, 0.8), _row(1, 0.6), _row(2, 0.5),
                    _row(3, None, name='empty')])
    gains = _gains(0, (0.5, 1.0), (0.5, 1.0), (0.4, 0.3), (0.9, 1.0), (0.5, 2.0))
    gains += _gains(1, (0.8, 0.5)) * seen.LEAST_PAIRS
    found = found._replace(rungs=(0, 1, 2, 0), gains=tuple(gains))
    y = seen.levelled(found, AIMS).y
    np.testing.assert_allclose(
        y, [[0.8 * 0.4, 50], [0.6 * 0.8, 50], [0.5, 100], [np.nan, np.nan]])
    # Of the raw figures nothing is lost, and the highest rung stays to the bit.
    np.testing.assert_array_equal(found.archive.y[:3, 0], [0.8, 0.6, 0.5])
    assert y[2].tolist() == [0.5, 100.0]


def test_heirs_are_levelled_by_the_gains_of_heirs():
    """Heirs gain a tenth from rung 0 to 1 where fresh trainings halve their errors."""
    found = _after([_row(0, 0.8), _row(1, 0.4, parent=0), _row(2, 0.6)],
                   [_row(3, 0.36, rung=1, origin=1)])
    assert found.heirs == (False, True, False)
    assert [(gain.rung, gain.heir) for gain in found.gains] == [(0, True)]
    gains = _gains(0, (0.5, 1.0)) * seen.LEAST_PAIRS
    known = found._replace(rungs=(0, 0, 1), gains=tuple(gains))
    np.testing.assert_allclose(seen.levelled(known, AIMS).y[:, 0], [0.4, 0.36, 0.6])
    gains += _gains(0, (0.9, 1.0), heir=True) * seen.LEAST_PAIRS
    known = known._replace(gains=tuple(gains))
    np.testing.assert_allclose(seen.levelled(known, AIMS).y[:, 0], [0.4, 0.324, 0.6])
    # Of later promotions three of one kind and one of the other are enough for both.
    gains += _gains(1, *[(0.5, 1.0)] * (seen.LEAST_PAIRS - 1))
    gains += _gains(1, (0.5, 1.0), heir=True)
    known = known._replace(gains=tuple(gains))
    np.testing.assert_allclose(seen.levelled(known, AIMS).y[:, 0], [0.2, 0.162, 0.3])


def test_networks_known_before_any_training_are_no_heirs():
    assert _after([_row(0, 0.5, parent=outside(0))]).heirs == (False,)


def test_few_promotions_say_nothing_and_no_error_grows_over_one():
    found = _after([_row(0, 0.8), _row(1, 0.6)])
    few = tuple(_gains(0, (0.5, 0.5)) * (seen.LEAST_PAIRS - 1))
    np.testing.assert_array_equal(
        seen.levelled(found._replace(gains=few), AIMS).y, found.archive.y)
    worse = tuple(_gains(0, (1.5, 1.0)) * seen.LEAST_PAIRS)
    np.testing.assert_allclose(
        seen.levelled(found._replace(gains=worse), AIMS).y[:, 0], [1.0, 0.9])


def test_levelled_costs_are_held_to_the_budgets():
    """Sizes halve: 300 of 200 bytes would fit, 500 would not; a refused point stays."""
    found = _after([_row(0, 0.5, 300, name='over-budget'),
                    _row(1, 0.5, 500, name='over-budget'),
                    _row(2, None, name='over-budget')], aims=HARD)
    gains = _gains(0, (1.0, 0.5, 1.0)) * seen.LEAST_PAIRS
    told = seen.levelled(found._replace(gains=tuple(gains)), HARD)
    np.testing.assert_allclose(told.excess, [0, np.log(1.25), np.inf])
    assert told.within.tolist() == [True, False, False]
    np.testing.assert_allclose(found.archive.excess[:2], np.log([1.5, 2.5]))
    assert told.further[:2].tolist() == [[7.0], [7.0]]
