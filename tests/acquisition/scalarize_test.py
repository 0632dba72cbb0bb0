"""Scalarizations against their definitions and against exact hypervolumes."""

import numpy as np
import pytest

from sparse_jax.acquisition import scalarize
from sparse_jax.objectives import pareto


def test_box_weights_are_inverse_uniform():
    bounds = np.array([0.05, 2048.0])
    inverse = 1 / scalarize.box_weights(np.random.default_rng(0), bounds, 20_000)
    assert (inverse > 0).all() and (inverse <= bounds).all()
    np.testing.assert_allclose(inverse.mean(0), bounds / 2, rtol=0.02)
    np.testing.assert_allclose(inverse.std(0), bounds / np.sqrt(12), rtol=0.02)


def test_chebyshev_by_hand():
    weights, f = np.array([2.0, 1.0]), np.array([[1.0, 5.0], [3.0, 5.0]])
    np.testing.assert_allclose(scalarize.chebyshev(weights, f), [5, 6])
    np.testing.assert_allclose(
        scalarize.augmented_chebyshev(weights, f), [5 + 0.35, 6 + 0.55])


@pytest.mark.parametrize('k', [2, 3, 4])
def test_simplex_weights_are_uniform(k):
    """Moments of the flat Dirichlet distribution."""
    weights = scalarize.simplex_weights(np.random.default_rng(k), k, 20_000)
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(weights.mean(0), 1 / k, rtol=0.03)
    np.testing.assert_allclose(
        weights.var(0), (k - 1) / (k**2 * (k + 1)), rtol=0.05)


def test_exceeding_a_bound_always_costs():
    # With 1 / weight below the bound, a point at twice the bound scores at least 2.
    weights = scalarize.box_weights(np.random.default_rng(1), np.array([1.0, 1]), 500)
    assert (scalarize.chebyshev(weights, np.array([2.0, 0.0])) >= 2).all()


@pytest.mark.parametrize('k', [2, 3, 4])
def test_the_mean_over_directions_is_the_hypervolume(k):
    rng = np.random.default_rng(k)
    points, reference = rng.random((12, k)), np.full(k, 1.1)
    rays = scalarize.directions(rng, k, 2**14)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1, rtol=1e-9)
    assert (rays >= 0).all()
    value = np.asarray(scalarize.hypervolume_scalar(
        rays[:, None], (reference - points)[None])).max(1).mean()
    np.testing.assert_allclose(
        value * scalarize.hypervolume_constant(k),
        pareto.hypervolume(points, reference), rtol=0.02)
