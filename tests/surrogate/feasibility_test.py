"""The model of failures on a line where the right half fails."""

import jax
import numpy as np

from sparse_jax.surrogate import feasibility
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.surrogate.gp import GPConfig, gp

SURROGATE = gp(GPConfig(Layout((0,), (False,), (False,)), (False,), steps=40))


def test_failures_are_located():
    x = np.linspace(0, 1, 16)[:, None]
    active, mask = np.ones_like(x), np.arange(16) < 16
    failed = (x[:, 0] > 0.5).astype(float)
    state = feasibility.fit(jax.random.key(0), SURROGATE, x, active, failed, mask)
    chance = feasibility.probability(
        SURROGATE, state, np.array([[0.1], [0.5], [0.9]]), np.ones((3, 1)), chunk=2)
    assert chance[0] > 0.9 and chance[2] < 0.1 and 0.2 < chance[1] < 0.8


def test_without_failures_everything_is_possible():
    x, mask = np.zeros((4, 1)), np.array([True, True, False, False])
    for failed in (np.array([0.0, 0, 1, 1]), np.array([1.0, 1, 0, 0])):
        # Only rows in use count; all-failed teaches nothing about where to go either.
        state = feasibility.fit(jax.random.key(0), SURROGATE, x, x, failed, mask)
        assert state is None
        np.testing.assert_array_equal(
            feasibility.probability(SURROGATE, state, x, x, chunk=2), 1.0)
