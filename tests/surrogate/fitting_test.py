"""Starts and optima of a fit on losses with known values."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.surrogate import fitting
from tests import sampled


def _two_basins(p):
    """Minima near 0.96 and, lower, near -1.04."""
    return (p**2 - 1) ** 2 + 0.3 * p


def test_the_centre_and_the_best_draws_are_the_starts():
    loss = lambda p: jnp.where(p['a'] > 1, jnp.nan, (p['a'] + p['b'].sum() - 3) ** 2)
    centre, spread = {'a': jnp.zeros(()), 'b': jnp.ones(2)}, {'a': 2.0, 'b': 1.0}
    starts = lambda keep: sampled.quick_jit(lambda key: fitting.starting_points(
        key, loss, centre, spread, screen=12, keep=keep))(jax.random.key(0))
    every, some = starts(12), starts(4)
    values = np.asarray(jax.vmap(loss)(every))[1:]
    finite = values[np.isfinite(values)]
    assert 4 <= len(finite) < 11 and len(set(finite)) == len(finite)
    np.testing.assert_array_equal(values[: len(finite)], np.sort(finite))
    for name in centre:
        np.testing.assert_array_equal(every[name][0], centre[name])
        np.testing.assert_array_equal(some[name], every[name][:4])


def test_the_lowest_optimum_is_returned():
    with jax.enable_x64(True):
        fit = lambda restarts: float(sampled.quick_jit(lambda key: fitting.fit(
            key, _two_basins, jnp.asarray(0.5), jnp.asarray(2.0), screen=8,
            restarts=restarts, steps=40))(jax.random.key(0)))
        alone, best = fit(1), fit(5)
    roots = np.roots([4, 0, -4, 0.3])
    np.testing.assert_allclose(alone, roots.max(), atol=1e-5)
    np.testing.assert_allclose(best, roots.min(), atol=1e-5)
