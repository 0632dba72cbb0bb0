"""A search for the least error within hard budgets."""

import contextlib

import numpy as np
import pytest

from sparse_jax.acquisition import propose
from sparse_jax.objectives.goals import Objectives, front_of
from sparse_jax.search import archive, loop
from sparse_jax.search.problem import error_alone, problem_of
from sparse_jax.settings.errors import ConfigError
from sparse_jax.study.records import Study
from sparse_jax.types import Evaluation
from tests import tiny_study


def test_costs_are_limits_alone():
    aims = Objectives(bounds=(0.1, 100.0, 50.0), budgets=(('model_size', 80.0),))
    problem = problem_of(error_alone(aims))
    assert (problem.bounds, problem.reference) == ((0.1,), (0.1,))
    # Of the error there is no budget.
    assert problem.budgets == (np.inf, 80.0) and problem.num_further == 1


def test_the_algorithm_sees_the_error_and_the_study_all_objectives(tmp_path):
    setup = tiny_study.build(search__focus='error', budgets__model_size=400,
                             search__rounds=2, search__initial=2)
    with contextlib.closing(Study(tmp_path)) as study:
        loop.run(setup, study)
        found = loop.replay(setup, study.networks())
        assert found.y.shape[1] == found.further.shape[1] == 1
        rows = [row for row in study.rows() if row.trained]
        assert len(rows) == found.size == 2 * tiny_study.BATCH
        np.testing.assert_array_equal(found.y[:, 0], [row.error for row in rows])
        np.testing.assert_array_equal(
            found.further[:, 0], [row.costs.model_size for row in rows])
        assert setup.objectives.names == ('error', 'model_size', 'working_memory')
        assert front_of(study.networks(), setup.objectives)


def test_morphs_are_of_the_best_eighth_within():
    """Of 17 points the first is over its budget, and one failed."""
    y = np.arange(17.0)[:, None]
    y[3] = np.nan
    found = archive.append(archive.empty(1, 1, 1), np.arange(17.0)[:, None] / 17, (
        Evaluation(y, np.zeros(17, int), np.ones((17, 1)), (y[:, 0] == 0) * 1.0)))
    np.testing.assert_array_equal(propose.front(found)[:, 0] * 17, [1, 2])


def test_without_a_budget_there_is_nothing_to_stay_within():
    with pytest.raises(ConfigError, match=(
            "^config.search.focus: 'error' is not allowed; allowed: front; error, "
            'where config.budgets has one$')):
        tiny_study.settings(search__focus='error')
