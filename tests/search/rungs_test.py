"""Which trainings go on, on tables made by hand."""

import numpy as np
import pytest

from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search.promotions import Promotions
from sparse_jax.search.rungs import (
    epochs_of,
    expected,
    judged,
    limits_of,
    ranked,
    share_of,
)
from sparse_jax.settings.groups import Search
from sparse_jax.study.outcome import FINAL, Trial, outside
from sparse_jax.study.records import Record

SOFT = Objectives(('error', 'model_size'), (0.1, 300.0), 0.9)
HARD = SOFT._replace(budgets=(('model_size', 200.0), ('macs', 1000.0)))
HALF = Search(rungs=(0.1, 0.3, 1.0))


def _row(number, error, size=100, macs=100, *, name='ok', rung=0, origin=None,
         offset=None, parent=None):
    costs = None if error is None else Totals(**dict.fromkeys(Totals._fields, 7) | {
        'model_size': size, 'macs': macs})
    parent = parent if origin is None else origin
    trial = Trial(number, np.array([0.0, number]), 4, parent, rung, origin)
    return Record(trial, 0, name, {}, error, costs, costs, 0.1, offset=offset)


def _numbers(rows):
    return [row.trial.number for row in rows]


def _ranked(rows, objectives, cuts=()):
    numbers = {row.trial.number for row in rows}
    known = [row for row in cuts if row.trial.number in numbers]
    return _numbers(ranked(judged([*rows, *known], objectives), objectives))


def promoted(rows, search, objectives):
    """Who goes on, told of all trials at once and one by one."""
    whole = Promotions(search, objectives, rows).next()
    each = Promotions(search, objectives)
    for row in rows:
        each.add([row])
        each.next()
    assert _numbers(each.next()) == _numbers(whole)
    return whole


@pytest.mark.parametrize('shares, whole, each', [
    ((0.1, 0.3, 1.0), 40, [4, 8, 28]), ((0.1, 0.3, 1.0), 20, [2, 4, 14]),
    ((0.05, 0.1, 1.0), 10, [1, 1, 8]), ((0.1, 0.2), 1, [1, 1]), ((1.0,), 7, [7]),
    ((0.5,), 9, [4])])
def test_rungs_add_up_to_their_shares_and_add_one_epoch_at_least(shares, whole, each):
    assert [epochs_of(shares, whole, rung) for rung in range(len(shares))] == each


def test_without_rungs_a_training_is_whole():
    assert epochs_of((), 40) == 40


def test_what_is_expected_to_go_on():
    assert expected(HALF, 16) == 8 + 4 and expected(Search(), 16) == 0
    # A tenth, of one half another fifth, of a quarter the other seven tenths.
    assert share_of(HALF) == pytest.approx(0.1 + 0.5 * 0.2 + 0.25 * 0.7)
    assert share_of(Search()) == 1 == share_of(Search(rungs=(1.0,)))


# Error order 0 3 1 2 4; on the front are 2, 0 and 4, which lose (0.2 log 5.6),
# (0.2 log 4.3) and (0.4 log 1.25); 3 is behind 0, and 1 behind 3.
INSIDE = [_row(0, 0.10, 280), _row(1, 0.12, 290), _row(2, 0.30, 50),
          _row(3, 0.11, 285), _row(4, 0.50, 40)]


def test_by_error_and_by_the_front_in_turns():
    assert _ranked(INSIDE, SOFT) == [0, 2, 3, 1, 4]


def test_the_order_of_the_rows_does_not_matter():
    assert _ranked(INSIDE[::-1], SOFT) == [0, 2, 3, 1, 4]


def test_those_outside_come_last_and_the_nearest_of_them_first():
    rows = [_row(0, 0.01, 900), _row(1, 0.8, 300), _row(2, 0.02, 600),
            _row(3, 0.3, 50)]
    assert _ranked(rows, SOFT) == [3, 1, 2, 0]
    assert _ranked(rows[:1] + rows[2:3], SOFT) == [2, 0]


def test_hard_budgets_take_the_place_of_the_soft_bounds():
    np.testing.assert_array_equal(limits_of(HARD), [np.inf, 200, 1000])
    np.testing.assert_array_equal(limits_of(SOFT), [np.inf, 300])
    # By 250 / 200, by 3000 / 1000; the soft bound is no matter.
    rows = [_row(0, 0.1, 100, 3000, name='over-budget'),
            _row(1, 0.2, 250, 100, name='over-budget'), _row(2, 0.8, 190)]
    assert _ranked(rows, HARD) == [2, 1, 0]


def test_a_trial_is_judged_by_its_best_cut_within():
    rows = [_row(0, 0.01, 5000), _row(1, 0.2, 100)]
    cuts = [_row(0, 0.15, 120, offset=-1.0), _row(0, 0.6, 20, offset=-2.0),
            _row(7, 0.0, 1, offset=-1.0)]
    assert _ranked(rows, SOFT) == [1, 0]
    assert _ranked(rows, SOFT, cuts) == [0, 1]
    # Its own cut leaves nothing, another one does.
    rows[0] = _row(0, 0.9, 0, name='empty')
    assert _ranked(rows, SOFT, cuts) == [0, 1]
    assert _ranked(rows, SOFT) == [1]


def test_networks_that_guess_come_last():
    """Of 0.9 by guessing 0.855 is near: small sizes alone are no merit."""
    rows = [_row(0, 0.88, 20), _row(1, 0.1, 900), _row(2, 0.86, 10), _row(3, 0.7, 290)]
    assert _ranked(rows, SOFT) == [3, 1, 2, 0]
    # Judged by the cut that has learnt something, 1.2 times too large.
    cut = _row(0, 0.05, 360, offset=1.0)
    assert _ranked(rows, SOFT, [cut]) == [3, 0, 1, 2]


def test_the_earlier_of_equal_trials_is_first():
    rows = [_row(number, 0.2, 100) for number in range(4)]
    assert _ranked(rows, SOFT) == [0, 1, 2, 3]
    assert _numbers(promoted(rows, HALF, SOFT)) == [0, 1]


def test_of_nothing_trained_nothing_goes_on():
    rows = [_row(0, None, name='nonfinite'), _row(1, None, name='over-budget'),
            _row(2, 0.9, 0, name='empty'), _row(3, 0.9, 0, name='empty')]
    assert promoted(rows, HALF, SOFT) == [] == promoted([], HALF, SOFT)
    # Trained ones count, though nothing is left of them.
    assert _numbers(promoted([*rows, _row(4, 0.5), _row(5, 0.4)], HALF, SOFT)) == [5, 4]


def test_fewer_than_two_do_not_go_on_by_halves():
    assert promoted(INSIDE[:1], HALF, SOFT) == []
    everything = Search(rungs=(0.1, 1.0), promote=1.0)
    assert _numbers(promoted(INSIDE[:1], everything, SOFT)) == [0]
    tenth = Search(rungs=(0.1, 1.0), promote=0.1)
    rows = [_row(number, 0.9 - number / 100) for number in range(10)]
    assert _numbers(promoted(rows, tenth, SOFT)) == [9]
    assert promoted(rows[:9], tenth, SOFT) == []


def test_all_over_a_budget_go_on_by_their_distance():
    rows = [_row(0, 0.1, 900, name='over-budget'),
            _row(1, 0.5, 400, name='over-budget'),
            _row(2, 0.3, 500, name='over-budget')]
    assert _numbers(promoted(rows, HALF, HARD)) == [1]


def test_every_rung_is_a_competition_of_its_own():
    """Trials 5 and 6 went on before; of the second rung the better one goes on now, of
    the first nobody new: two of five may, and the places are taken."""
    again = [_row(5, 0.08, 280, rung=1, origin=0), _row(6, 0.2, 50, rung=1, origin=2)]
    assert _numbers(promoted([*INSIDE, *again], HALF, SOFT)) == [5]
    # Another two that are better than all: of places for three, two are taken.
    late = [_row(7, 0.01, 30), _row(8, 0.02, 31)]
    assert _numbers(promoted([*INSIDE, *again, *late], HALF, SOFT)) == [7, 5]
    # Another two that are worse: the third of the earlier ones has its turn.
    late = [_row(7, 0.85, 295), _row(8, 0.88, 296)]
    assert _numbers(promoted([*INSIDE, *again, *late], HALF, SOFT)) == [3, 5]
    last = _row(9, 0.05, 250, rung=2, origin=0)
    assert promoted([*INSIDE, *again, last], HALF, SOFT) == []


def test_heirs_compete_with_heirs():
    """Two of five fresh ones and one of three heirs go on, though all heirs err less
    than they do."""
    heirs = [_row(5, 0.03, 100, parent=0), _row(6, 0.01, 100, parent=0),
             _row(7, 0.02, 100, parent=2)]
    alone = _numbers(promoted(INSIDE, HALF, SOFT))
    assert _numbers(promoted([*INSIDE, *heirs], HALF, SOFT)) == [*alone, 6]
    # What is known before any training began with no weights of the search.
    known = [row._replace(trial=row.trial._replace(parent=outside(i)))
             for i, row in enumerate(heirs)]
    assert _numbers(promoted([*INSIDE, *known], HALF, SOFT)) == _numbers(promoted(
        [*INSIDE, *(row._replace(trial=row.trial._replace(parent=None))
                    for row in heirs)], HALF, SOFT))
    # The place of the heirs is taken, those of the others are not.
    gone = _row(8, 0.01, 90, rung=1, origin=6)
    assert _numbers(promoted([*INSIDE, *heirs, gone], HALF, SOFT)) == alone


def test_trainings_of_the_end_are_no_part_of_it():
    rows = [*INSIDE, _row(5, 0.01, 10, rung=FINAL, origin=0)]
    assert _numbers(promoted(rows, HALF, SOFT)) == [0, 2]


def test_a_failed_promotion_keeps_its_point():
    rows = [*INSIDE, _row(5, None, name='nonfinite', rung=1, origin=0)]
    assert _numbers(promoted(rows, HALF, SOFT)) == [2]
