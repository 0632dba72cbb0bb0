"""Batch norm in one call against float64 sums and against the one of XLA."""

import concurrent.futures
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import compiler
from sparse_jax.efforts import CHEAP
from sparse_jax.model import network
from sparse_jax.model.layers import NORM_EPSILON, MaskedBatchNorm
from sparse_jax.model.network import SparseNet
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.native import build, norm
from sparse_jax.native.norm import Moments
from sparse_jax.ops import Node, Size, lowering
from sparse_jax.ops.size import channel_mask, spatial_mask
from sparse_jax.space.architecture import Graph

KEEP = 0.9


@pytest.fixture(autouse=True)
def _built():
    if not norm.available():
        pytest.skip('no C++ compiler, or none that works')


def _layer(batch, shape=(9, 7, 11), seed=0, pool=1):
    """Random arrays of a layer: of x, of four parts of each map, and what arrives."""
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
    maps = shape[0]
    x = 3 * normal(*shape, batch) + normal(maps, 1, 1, 1)
    return (x, normal(maps), normal(maps), normal(maps), np.square(normal(maps)),
            normal(maps, shape[1] // pool, shape[2] // pool, batch))


def _sizes(number, shape=(9, 7, 11)):
    """Random true sizes, the whole one first."""
    rng = np.random.default_rng(number)
    return [np.array(shape, np.int32)] + [
        rng.integers(1, np.array(shape) + 1).astype(np.int32) for _ in range(number)]


def _kernel(arrays, size, relu, pool):
    """(y, moments, gradients of x, scale and shift) by the calls."""
    x, scale, shift, mean, var, pull = arrays
    y, back, moments = jax.vjp(
        lambda *a: lowering.norm(
            a[0], a[1:], Moments(mean, var), size=Size(*size), relu=relu, pool=pool,
            epsilon=NORM_EPSILON, keep=KEEP), x, scale, shift, has_aux=True)
    return (y, *moments, *back(pull))


def _xla(arrays, size, relu, pool=1):
    """The same by the module, with its masks, and the pairwise maxima."""
    x, scale, shift, mean, var, pull = arrays
    whole = Size(*size)
    pixels = spatial_mask(whole, x.shape[:3])
    there = channel_mask(whole, x.shape)[:, None, None, None]

    def apply(x, scale, shift):
        y, stats = MaskedBatchNorm(KEEP).apply(
            {'params': {'scale': scale, 'shift': shift},
             'batch_stats': {'mean': mean, 'var': var}},
            jnp.where(pixels & there, x, 0.0), size[1] * size[2], True,
            mutable=['batch_stats'])
        y = jnp.where(pixels & there, y, 0.0)
        y = lowering.max_pool(jax.nn.relu(y) if relu else y, pool)
        small = Size(size[0], size[1] // pool, size[2] // pool)
        return jnp.where(spatial_mask(small, y.shape[:3]), y, 0.0), tuple(
            stats['batch_stats'][name] for name in ('mean', 'var'))

    y, back, moments = jax.vjp(apply, x, scale, shift, has_aux=True)
    return (y, *moments, *back(pull))


def _unpooled(y, pull, pool):
    """What arrives at a map [h, w, B] through the maxima of its windows."""
    found = np.zeros(y.shape)
    for i, j, b in np.ndindex(y.shape[0] // pool, y.shape[1] // pool, y.shape[2]):
        window = y[i * pool:(i + 1) * pool, j * pool:(j + 1) * pool, b]
        row, column = np.unravel_index(window.argmax(), window.shape)
        found[i * pool + row, j * pool + column, b] = pull[i, j, b]
    return found


def _expected(arrays, size, relu, pool=1):
    """The same in float64, map by map."""
    x, scale, shift, mean, var, pull = (a.astype(np.float64) for a in arrays)
    y, to_x = np.zeros_like(x), np.zeros_like(x)
    to_scale, to_shift = np.zeros_like(scale), np.zeros_like(shift)
    mean, var = KEEP * mean, KEEP * var
    for c in range(size[0]):
        part = np.s_[c, :size[1], :size[2]]
        own, count = x[part], x[part].size
        mean[c] += (1 - KEEP) * own.mean()
        var[c] += (1 - KEEP) * own.var()
        deviation = np.sqrt(own.var() + NORM_EPSILON)
        standard = (own - own.mean()) / deviation
        y[part] = scale[c] * standard + shift[c]
        g = _unpooled(y[part], pull[c], pool) * ((y[part] > 0) | (not relu))
        y[part] = np.maximum(y[part], 0) if relu else y[part]
        to_shift[c], to_scale[c] = g.sum(), (g * standard).sum()
        to_x[part] = scale[c] / deviation * (
            g - to_shift[c] / count - standard * to_scale[c] / count)
    small = np.zeros(pull.shape)
    rows, columns = size[1] // pool, size[2] // pool
    small[:, :rows, :columns] = y[:, :rows * pool, :columns * pool].reshape(
        len(y), rows, pool, columns, pool, y.shape[-1]).max((2, 4))
    return small, mean, var, to_x, to_scale, to_shift


def _assert_close(ours, theirs, tolerance=1e-5):
    """Relative to the largest element: sums of both signs cancel."""
    for a, b in zip(ours, theirs, strict=True):
        most = max(np.abs(b).max(initial=0), 1.0)
        np.testing.assert_allclose(a / most, b / most, rtol=0, atol=tolerance)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _one(arrays, size, relu=True, pool=1):
    return _kernel(arrays, size, relu, pool)


@pytest.mark.parametrize('batch, relu, pool, sizes', [
    (5, True, 1, 30), (16, False, 1, 30), (33, True, 1, 30), (130, True, 1, 30),
    (5, True, 2, 12), (33, False, 2, 6), (18, True, 3, 8)])
def test_outputs_moments_and_gradients_equal_those_in_float64(
        batch, relu, pool, sizes):
    arrays = _layer(batch, pool=pool)
    for size in _sizes(sizes):
        _assert_close(_one(arrays, size, relu, pool),
                      _expected(arrays, size, relu, pool))


@pytest.mark.parametrize('pool', [1, 2])
def test_outputs_moments_and_gradients_equal_those_of_xla(pool):
    arrays = _layer(33, pool=pool)
    xla = jax.jit(functools.partial(_xla, relu=True, pool=pool))
    for size in _sizes(10):
        _assert_close(_one(arrays, size, True, pool), xla(arrays, size))


def test_equal_maxima_share_a_gradient_as_those_of_jnp():
    """Each of a chain of equal maxima halves it: pixels get 1/8, 1/8, 1/4 and 1/2."""
    x = np.zeros((1, 2, 4, 8), np.float32)
    x[0, :, 2:] = np.arange(2 * 2 * 8).reshape(2, 2, 8)
    one = np.ones(1, np.float32)
    arrays = (x, one, one, one, one, np.ones((1, 1, 2, 8), np.float32))
    size = np.array([1, 2, 4], np.int32)
    xla = jax.jit(functools.partial(_xla, relu=False, pool=2))
    ours = _one(arrays, size, False, 2)
    _assert_close(ours, xla(arrays, size))
    assert len(np.unique(np.round(ours[3][0, :, :2, 0], 5))) == 3


def test_a_pool_loses_no_nan():
    """Of an infinite scale: 0 * inf in one pixel, inf and -inf in others."""
    arrays = list(_layer(8, (2, 4, 6), pool=2))
    arrays[1] = np.full(2, np.inf, np.float32)
    whole = lowering.max_pool(_one((*arrays[:5], np.ones((2, 4, 6, 8), 'f4')),
                                   np.array([2, 4, 6]), True, 1)[0], 2)
    ours = _one(tuple(arrays), np.array([2, 4, 6]), True, 2)[0]
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(whole))
    assert np.isnan(ours).any()


def _same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_vmap_and_scan_give_the_bits_of_single_calls():
    arrays = tuple(map(np.stack, zip(*(
        _layer(7, (3, 5, 4), seed) for seed in range(4)))))
    sizes = np.array([[3, 5, 4], [2, 4, 4], [1, 1, 1], [3, 2, 3]], np.int32)
    mapped = jax.vmap(_one, in_axes=(0, 0, None))(arrays, sizes, True)
    scanned = jax.lax.map(lambda one: _one(*one, True), (arrays, sizes))
    for i in range(4):
        alone = _one(tuple(a[i] for a in arrays), sizes[i], True)
        _same([leaf[i] for leaf in mapped], alone)
        _same([leaf[i] for leaf in scanned], alone)
    shared = jax.vmap(_one, in_axes=((0, None, None, 0, 0, 0), None, None))(
        (arrays[0], arrays[1][0], arrays[2][0], *arrays[3:]), sizes[1], True)
    alone = _one((arrays[0][3], arrays[1][0], arrays[2][0], *(
        a[3] for a in arrays[3:])), sizes[1], True)
    _same([leaf[3] for leaf in shared], alone)


@pytest.mark.parametrize('pool', [1, 2])
def test_padding_changes_no_bit_and_is_never_read(pool):
    arrays = _layer(33, pool=pool)
    maps, height, width, _ = arrays[0].shape
    size = np.array([maps, height, width], np.int32)
    beyond = lambda a: np.pad(
        a, [(0, 2), (0, pool), (0, 3), (0, 0)][:a.ndim], constant_values=np.nan)
    wide = *map(beyond, arrays[:-1]), np.pad(
        arrays[-1], [(0, 2), (0, 1), (0, (width + 3) // pool - width // pool), (0, 0)],
        constant_values=np.nan)
    exact, padded = _one(arrays, size, True, pool), _one(wide, size, True, pool)
    for a, b in zip(exact, padded, strict=True):
        cut = tuple(slice(n) for n in a.shape)
        np.testing.assert_array_equal(a, b[cut])
        if a.ndim == 4:
            assert not np.any(np.delete(b, np.s_[:maps], 0))
            assert not np.any(np.delete(b, np.s_[:a.shape[2]], 2))


def test_threads_change_no_bit_and_nan_stays():
    arrays, size = _layer(33), np.array([8, 7, 10], np.int32)
    alone = _one(arrays, size, True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for leaves in pool.map(lambda _: _one(arrays, size, True), range(20)):
            _same(leaves, alone)
    arrays[0][0, 0, 0, 0] = np.nan
    broken = _one(arrays, size, True)
    assert all(np.isnan(leaf[0]).any() for leaf in broken[:5])


def test_a_padded_network_its_gradients_and_moments_equal_those_of_xla():
    nodes = (
        Node('first', 'conv', ('input',), 5, 4, 2, pool=2, batch_norm=True),
        Node('units', 'dense', ('first',), 6, relu=False, batch_norm=True),
        Node('classifier', 'dense', ('units',), 4, relu=False))
    number = jnp.float32
    candidate = Candidate(
        jnp.array([4, 5, 4]), jnp.array([3, 1, 1]), jnp.zeros(3), number(0),
        number(1), number(0), number(5), number(10), number(1e-3))
    skeleton = Skeleton(Graph((9, 8, 2), 1, False, nodes))
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 9, 8, 9)), jnp.float32)
    draw = lambda leaf: rng.normal(size=leaf.shape).astype(np.float32)
    variables = jax.tree.map(draw, network.abstract(skeleton))
    variables['batch_stats'] = jax.tree.map(np.square, variables['batch_stats'])

    def trained(params, how):
        def loss(params):
            logits, updated = SparseNet(skeleton, how).apply(
                {**variables, 'params': params}, candidate, x, train=True,
                mutable=['batch_stats'])
            return jnp.square(logits).mean(), updated
        return jax.value_and_grad(loss, has_aux=True)(params)

    ours, theirs = (
        jax.tree.leaves(jax.jit(functools.partial(trained, how=how)).lower(
            variables['params']).compile(compiler_options=compiler.known(CHEAP))(
                variables['params'])) for how in ('direct-norm', 'direct'))
    _assert_close(ours, theirs, 2e-5)


def test_every_source_belongs_to_a_digest_of_its_own():
    found = {path.name for kind in ('*.h', '*.cc') for path in build.SOURCES.glob(kind)}
    assert found == {*build.DIRECT, *build.NORM, *build.POOL, *build.IMAGES, build.MAIN}
    forms = [lowering.kernels(conv) for conv in ('direct', 'direct-norm', 'patches')]
    assert forms[0] != forms[1] and len(forms[0]) == 8 and not forms[2]
