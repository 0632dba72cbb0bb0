"""The model of failures on a line where the right half fails."""

import jax
import numpy as np
import pytest

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


@pytest.mark.parametrize('rate', (0.3, 0.8))
def test_labels_without_structure_give_their_rate_on_any_scale(rate):
    rng = np.random.default_rng(0)
    x, new = rng.random((64, 2)), rng.random((32, 2))
    failed = (rng.permutation(64) < 64 * rate).astype(float)
    layout = Layout((0, 1), (False,) * 2, (False,) * 2)
    found = []
    for log in (False, True):
        surrogate = gp(GPConfig(layout, (log,), steps=40))
        model = feasibility.fit(
            jax.random.key(0), surrogate, x, np.ones_like(x), failed, np.ones(64, bool))
        found.append(feasibility.probability(
            surrogate, model, new, np.ones_like(new), chunk=32))
    assert np.median(found[0]) == pytest.approx(1 - rate, abs=0.1)
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


def test_without_failures_everything_is_possible():
    x, mask = np.zeros((4, 1)), np.array([True, True, False, False])
    for failed in (np.array([0.0, 0, 1, 1]), np.array([1.0, 1, 0, 0])):
        # Only rows in use count; all-failed teaches nothing about where to go either.
        state = feasibility.fit(jax.random.key(0), SURROGATE, x, x, failed, mask)
        assert state is None
        np.testing.assert_array_equal(
            feasibility.probability(SURROGATE, state, x, x, chunk=2), 1.0)
