"""What the algorithms are told of a round, with and without hard budgets."""

import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search.credit import best_cut, evaluation_of, excess
from sparse_jax.search.problem import REACH, further_costs, problem_of
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import Record
from sparse_jax.types import Problem

HARD = Objectives(
    ('error', 'model_size'), (0.1, 2048.0), 0.9,
    budgets=(('model_size', 300.0), ('macs', 1000.0)))
SOFT = HARD._replace(budgets=())


def _record(number, error, size, macs, state='ok', offset=None):
    costs = None if error is None else Totals(**dict.fromkeys(Totals._fields, 7) | {
        'model_size': size, 'macs': macs})
    return Record(Trial(number, np.zeros(2), 8), 0, state, {}, error, costs, costs, 0.1,
               offset=offset)


TIGHT = [_record(0, 0.30, 100, 100, offset=-1.0),
         _record(0, 0.20, 250, 900, offset=-2.0),
         _record(0, 0.02, 290, 5000, 'over-budget', offset=1.0),
         _record(1, 0.01, 10, 10, offset=-2.0)]
"""Cuts of trial 0, one of them over a budget, and one of trial 1."""


def test_a_training_is_credited_with_its_best_cut_within_the_budgets():
    own = _record(0, 0.1, 4000, 9000, 'over-budget')
    assert best_cut(own, TIGHT[:3], HARD) is TIGHT[1]
    # None is within: 9 times the macs, 7 and 5 times.
    wide = _record(0, 0.01, 250, 7000, 'over-budget', offset=0.0)
    assert best_cut(own, [wide], HARD) is wide
    assert best_cut(own, [wide, TIGHT[2]], HARD) is TIGHT[2]
    assert best_cut(own, [], HARD) is own
    inside = _record(0, 0.15, 200, 200)
    assert best_cut(inside, TIGHT[:3], HARD) is inside
    # Of equal ones its own.
    assert best_cut(inside, [inside._replace(offset=0.0)], HARD) is inside
    assert best_cut(own, TIGHT[:3], SOFT) is own


def test_a_round_by_hand():
    rows = [_record(0, 0.1, 4000, 9000, 'over-budget'),
            _record(2, 0.3, 600, 500, 'over-budget'),
            _record(3, 0.4, 100, 2000, 'over-budget'),
            _record(4, None, 0, 0, 'over-budget'),
            _record(5, None, 0, 0, 'nonfinite'),
            _record(6, 0.5, 300, 1000)]
    told = evaluation_of(rows, TIGHT, HARD)
    nan = np.nan
    np.testing.assert_array_equal(told.objectives, [
        [0.2, 250], [0.3, 600], [0.4, 100], [nan, nan], [nan, nan], [0.5, 300]])
    np.testing.assert_array_equal(
        told.further, [[900], [500], [2000], [nan], [nan], [1000]])
    twice = np.log(2)
    np.testing.assert_allclose(told.excess, [0, twice, twice, np.inf, np.inf, 0])
    assert told.status.tolist() == [
        *[status.OVER_BUDGET] * 4, status.NONFINITE, status.OK]


def test_without_budgets_a_round_is_its_own_cuts():
    rows = [_record(0, 0.1, 4000, 9000), _record(5, None, 0, 0, 'empty')]
    told = evaluation_of(rows, TIGHT, SOFT)
    np.testing.assert_array_equal(told.objectives, [[0.1, 4000], [np.nan, np.nan]])
    assert told.further.shape == (2, 0) and told.excess is None


def test_excess_is_that_of_the_worst_cost():
    figures = np.array([[1.0, 2.0], [4.0, 2.0], [1.0, 20.0], [np.nan, np.nan]])
    np.testing.assert_allclose(
        excess(figures, np.array([np.inf, 5.0])), [0, 0, np.log(4), np.inf])


def test_the_problem_of_objectives():
    assert problem_of(SOFT) == Problem((0.1, 2048), (0.1, REACH * 2048))
    assert problem_of(HARD) == Problem(
        (0.1, 2048), (0.1, REACH * 300), (np.inf, 300, 1000))
    assert further_costs(HARD) == ('macs',) and further_costs(SOFT) == ()
    assert (problem_of(HARD).num_further, problem_of(SOFT).num_further) == (1, 0)


@pytest.mark.parametrize('reference, budgets', [((1.0,), ()), ((), (1.0,))])
def test_lengths_of_a_problem_agree(reference, budgets):
    with pytest.raises(ValueError, match='2 bounds'):
        Problem((1.0, 2.0), reference, budgets)
