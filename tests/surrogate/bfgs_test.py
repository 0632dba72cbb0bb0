"""BFGS on functions with known minima."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.surrogate import bfgs
from tests import sampled


def _rosenbrock(p):
    return (1 - p['a']) ** 2 + 100 * (p['b'] - p['a'] ** 2) ** 2


def _minimise(loss, start, steps):
    """By one program."""
    return sampled.quick_jit(lambda x: bfgs.minimise(loss, x, steps=steps))(start)


def test_rosenbrock_from_many_starts():
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        starts = {'a': jnp.asarray(rng.normal(0, 1, 8)),
                  'b': jnp.asarray(rng.normal(0, 1, 8))}
        run = sampled.quick_jit(jax.vmap(
            lambda p: bfgs.minimise(_rosenbrock, p, steps=150)))
        found, value = run(starts)
        assert (np.asarray(value) <= np.asarray(jax.vmap(_rosenbrock)(starts))).all()
    np.testing.assert_allclose(found['a'], 1.0, atol=1e-4)
    np.testing.assert_allclose(value, 0.0, atol=1e-8)


def test_a_badly_scaled_quadratic_is_quick():
    with jax.enable_x64(True):
        weight = jnp.logspace(0, 3, 20)
        loss = lambda x: 0.5 * (weight * (x - 1) ** 2).sum()
        found, _ = _minimise(loss, jnp.zeros(20), 150)
    np.testing.assert_allclose(found, 1.0, atol=1e-3)


def test_undefined_places_are_left_again():
    # The logarithm is undefined at negative numbers, where the first steps may go.
    with jax.enable_x64(True):
        loss = lambda x: (x - 30 * jnp.log(x)).sum()
        found, _ = _minimise(loss, jnp.full(3, 0.2), 60)
    np.testing.assert_allclose(found, 30.0, rtol=1e-4)


def test_an_undefined_start_stays_where_it_is():
    found, value = _minimise(lambda x: jnp.log(x).sum(), jnp.array([-1.0]), 3)
    assert np.isnan(value) and found[0] == -1.0


@sampled.quick_jit
def _run(gain, steps, a=-1.2):
    found, value = bfgs.minimise(
        _rosenbrock, {'a': a, 'b': jnp.ones_like(a)}, steps=steps, gain=gain)
    return jnp.stack([found['a'], found['b'], value])


def test_evaluations_come_in_blocks():
    # The evaluation of the start is one of a block's, and none of the steps'.
    scanned = sampled.quick_jit(lambda a: bfgs.minimise(
        _rosenbrock, {'a': a, 'b': jnp.ones_like(a)}, steps=2 * bfgs.BLOCK - 1))(-1.2)
    for steps in (2 * bfgs.BLOCK - 1, 2 * bfgs.BLOCK):
        *found, value = _run(-np.inf, steps)
        np.testing.assert_allclose(found, list(scanned[0].values()), rtol=1e-5)
        np.testing.assert_allclose(value, scanned[1], rtol=1e-5)


def test_a_search_ends_when_a_block_gains_too_little():
    values = [float(_run(-np.inf, bfgs.BLOCK * n)[2]) for n in range(1, 7)]
    falls = -np.diff(values)
    small = next(i for i in range(1, 5) if falls[i] < falls[:i].min())
    assert _run(falls[small], 10**6)[2] == values[small + 1]
    assert _run(1e9, 10**6)[2] == values[1]


def test_an_undefined_start_ends_a_search():
    found = _run(0.0, 10**6, np.nan)
    assert np.isnan(found[0]) and found[1] == 1 and np.isnan(found[2])
