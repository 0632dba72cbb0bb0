"""Maxima over windows in one call against the pairwise ones of XLA: the same bits."""

import concurrent.futures

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.native import pool
from sparse_jax.ops import lowering
from tests import sampled


@pytest.fixture(autouse=True)
def _built():
    if not pool.available():
        pytest.skip('no C++ compiler, or none that works')


def _arrays(shape, size, seed=0):
    """Maps with many equal pixels, and what arrives at their maxima."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, shape).astype(np.float32)
    x += (rng.random(shape) < 0.5) * rng.normal(size=shape).astype(np.float32)
    small = (*shape[:-3], shape[-3] // size, shape[-2] // size, shape[-1])
    return x, rng.normal(size=small).astype(np.float32)


def _pooled(x, pull, size, relu, conv):
    """(maxima, gradient)."""
    y, back = jax.vjp(
        lambda x: lowering.relu_pool(x, size, relu=relu, conv=conv), x)
    return y, *back(pull)


@pytest.mark.parametrize('relu', [False, True])
@pytest.mark.parametrize(('size', 'shape'), [
    (2, (3, 4, 6, 16)), (2, (2, 5, 7, 37)), (3, (2, 7, 6, 130)), (4, (1, 3, 9, 5)),
    (2, (1, 1, 4, 8))])
def test_maxima_and_gradients_are_those_of_pairwise_comparisons(size, shape, relu):
    x, pull = _arrays(shape, size)
    ours = _pooled(x, pull, size, relu, 'direct')
    theirs = sampled.quick_jit(
        lambda x, pull: _pooled(x, pull, size, relu, 'patches'))(x, pull)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_candidates_are_pooled_as_each_alone():
    x, pull = _arrays((4, 2, 6, 6, 9), 2)
    together = jax.vmap(lambda x, p: _pooled(x, p, 2, True, 'direct'))(x, pull)
    for i in range(len(x)):
        alone = _pooled(x[i], pull[i], 2, True, 'direct')
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_array_equal(a[i], b)


def test_threads_change_nothing():
    x, pull = _arrays((8, 10, 10, 32), 2)
    alone = _pooled(x, pull, 2, True, 'direct')
    again = lambda _: _pooled(x, pull, 2, True, 'direct')
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for found in threads.map(again, range(8)):
            for a, b in zip(found, alone, strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_pixel_that_is_no_number_is_the_maximum():
    x = np.zeros((1, 2, 4, 3), np.float32)
    x[0, 1, 0, 1] = np.nan
    y = pool.max_pool(jnp.asarray(x), 2, True)
    assert np.isnan(y[0, 0, 0, 1]) and np.isfinite(y).sum() == y.size - 1


def test_units_and_half_precision_take_no_call():
    units = jnp.arange(-3.0, 3.0).reshape(3, 2)
    np.testing.assert_array_equal(
        lowering.relu_pool(units, 1, relu=True, conv='direct'), jnp.maximum(units, 0))
    x = jnp.ones((1, 2, 2, 1), jnp.bfloat16)
    assert 'max_pool' not in str(jax.make_jaxpr(
        lambda x: lowering.relu_pool(x, 2, relu=True, conv='direct'))(x))
