"""Candidate pools: morphs of the front beside draws from the prior."""

import jax
import numpy as np
import pytest

from sparse_jax.acquisition import propose
from sparse_jax.search import archive
from sparse_jax.search.cube import cube_domain
from sparse_jax.types import Archive

CUBE = cube_domain(2)


def test_morphs_descend_from_the_parents():
    parents = np.array([[0.5, 0.5]])
    step = lambda key, x: x + np.array([0.1, 0.0])
    x = propose.morphs(jax.random.key(0), step, parents, 64, depth=3)
    np.testing.assert_allclose(sorted(set(np.round(x[:, 0], 6))), [0.6, 0.7, 0.8])


@pytest.mark.parametrize('num_random', [0, 5])
def test_the_default_pool(num_random):
    y = np.array([[1.0, 2], [2, 1], [3, 3], [np.nan, np.nan]])
    x = np.linspace(0, 1, 8).reshape(4, 2)
    state = Archive(x, y, np.array([0, 0, 0, 2]), np.zeros((4, 0)), np.zeros(4))
    np.testing.assert_array_equal(propose.front(state), x[:2])
    np.testing.assert_array_equal(propose.everything(state), x[:3])
    np.testing.assert_array_equal(
        propose.front_and_everything(state), x[[0, 1, 2, 0, 1, 0]])
    still = CUBE._replace(perturb=lambda key, x: x)
    pool = propose.random_and_morphs(still, num_random=num_random, num_morphs=7)(
        jax.random.key(0), state)
    assert len(pool) == 7 + num_random
    assert {tuple(row) for row in pool[:7]} <= {tuple(row) for row in x[:2]}
    empty = archive.empty(2, 2)
    assert len(propose.random_and_morphs(CUBE, num_random=num_random, num_morphs=7)(
        jax.random.key(0), empty)) == 7 + num_random


def test_the_front_is_within_the_budgets_if_anything_is():
    x, y = np.arange(6.0).reshape(3, 2), np.array([[1.0, 9], [3, 2], [4, 3]])
    over = lambda *excess: Archive(
        x, y, np.zeros(3, int), np.zeros((3, 0)), np.array(excess))
    np.testing.assert_array_equal(propose.front(over(0, 0, 0)), x[:2])
    np.testing.assert_array_equal(propose.front(over(0.5, 0.1, 0)), x[2:])
    np.testing.assert_array_equal(propose.front(over(0.5, 0.1, 0.2)), x[:2])
    np.testing.assert_array_equal(propose.everything(over(0.5, 0.1, 0)), x)
