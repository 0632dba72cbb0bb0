"""Convolutions in groups and as products of tiles against sums tap by tap."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.ops import tiled, windowless
from tests import sampled
from tests.native import direct_reference as reference

FORMS = pytest.mark.parametrize(
    'products', windowless.FORMS.values(), ids=windowless.FORMS)


def _layer(seed):
    """Random (x, mean, variance, low); kernels [C, k, k] where depthwise."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 6))
    low = int(rng.integers(1, k + 1))
    maps, outputs = (int(n) for n in rng.choice([1, 2, 3, 5], 2))
    height, width = (int(low + n) for n in rng.integers(0, 5, 2) * (1 + seed % 4))
    shape = (maps, k, k) if seed % 3 == 0 else (outputs, maps, k, k)
    x = rng.normal(size=(maps, height, width, int(rng.choice([1, 2, 7]))))
    draws = x, rng.normal(size=shape), np.square(rng.normal(size=shape))
    return *(a.astype(np.float32) for a in draws), low


def _pull(shape):
    return np.cos(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


def _assert_close(ours, theirs, tolerance=1e-5):
    """Relative to the largest element: sums of both signs cancel."""
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape
        most = np.abs(b).max(initial=1e-30)
        np.testing.assert_allclose(a / most, b / most, rtol=0, atol=tolerance)


def _both(products, x, mean, variance, pull, low):
    """Both products, and the gradients of <both, pull>."""
    y, back = jax.vjp(lambda *a: products.both(*a, low), x, mean, variance)
    return y, back((pull, 2 * pull))


def _one(products, x, kernel, pull, low):
    y, back = jax.vjp(lambda *a: products.one(*a, low), x, kernel)
    return y, back(pull)


def _expected(x, mean, variance, low):
    x, mean, variance = (a.astype(np.float64) for a in (x, mean, variance))
    y = reference.product(x, mean, low), reference.product(x**2, variance, low)
    pull = _pull(y[0].shape).astype(np.float64)
    to_x, to_mean = reference.gradients(x, mean, low, pull)
    to_square, to_variance = reference.gradients(x**2, variance, low, 2 * pull)
    one = y[0], (to_x, to_mean)
    return one, (y, (to_x + 2 * x * to_square, to_mean, to_variance))


@FORMS
def test_products_and_gradients_equal_the_sums_over_taps(products):
    """Random layers in one program: alone, and means and variances together."""
    layers = [_layer(seed) for seed in range(12)]
    expected = [_expected(*layer) for layer in layers]
    pulls = [_pull(one[0].shape) for one, _ in expected]
    found = sampled.quick_jit(lambda arrays: [
        (_one(products, x, mean, pull, layer[3]),
         _both(products, x, mean, variance, pull, layer[3]))
        for (x, mean, variance, pull), layer in zip(arrays, layers, strict=True)])(
            [(*layer[:3], pull) for layer, pull in zip(layers, pulls, strict=True)])
    _assert_close(found, expected)


@FORMS
@pytest.mark.parametrize('depthwise', [False, True])
@pytest.mark.parametrize('shared', [None, 0, 1, 3])
def test_what_is_mapped_is_what_each_is_alone(products, depthwise, shared):
    """Also with operands that all have in common: images, kernels or gradients."""
    rng, shape = np.random.default_rng(0), (3, 2, 2) if depthwise else (2, 3, 2, 2)
    normal = lambda *shape: rng.normal(size=(3, *shape)).astype(np.float32)
    arrays = [normal(3, 5, 4, 2), normal(*shape), normal(*shape) ** 2,
              normal(shape[0], 4, 3, 2)]
    axes = [0] * 4
    if shared is not None:
        arrays[shared], axes[shared] = arrays[shared][0], None
    each = jax.vmap(lambda *a: _both(products, *a, 2), axes)
    found = sampled.quick_jit(each)(*arrays)
    alone = sampled.quick_jit(lambda *a: _both(products, *a, 2))
    for i in range(3):
        _assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], found),
                      alone(*(a if axis is None else a[i]
                              for a, axis in zip(arrays, axes, strict=True))))


def test_candidates_share_one_convolution_each_way():
    """Groups of features forward and to the input, of the batch to the kernels."""
    products = windowless.FORMS['grouped']
    shapes = [(4, 3, 5, 4, 2), (4, 2, 3, 2, 2), (4, 2, 3, 2, 2), (4, 2, 4, 3, 2)]
    text = jax.jit(jax.vmap(lambda *a: _both(products, *a, 2))).lower(
        *(jnp.zeros(shape) for shape in shapes)).as_text()
    lines = [line for line in text.splitlines() if 'stablehlo.convolution' in line]
    counts = [('feature_group_count = 8' in line, 'batch_group_count = 8' in line)
              for line in lines]
    assert sorted(counts) == [(False, True), (True, False), (True, False)]


def test_candidates_share_one_product_of_tiles_each_way():
    """Means and variances: two forward, and two back to each of pixels and kernels."""
    shapes = [(4, 3, 5, 4, 2), (4, 2, 3, 2, 2), (4, 2, 3, 2, 2), (4, 2, 4, 3, 2)]
    products = windowless.FORMS['tiled']
    text = jax.jit(jax.vmap(lambda *a: _both(products, *a, 2))).lower(
        *(jnp.zeros(shape) for shape in shapes)).as_text()
    lines = [line for line in text.splitlines() if 'stablehlo.dot_general' in line]
    assert len(lines) == 6 and 'stablehlo.convolution' not in text
    assert 'scatter' not in text


def test_tiles_cover_the_results_and_read_into_the_next_one_alone():
    for side, height, width in np.ndindex(6, 30, 30):
        if side < 2 or not (height and width):
            continue
        tile = tiled.choose(8, 4, side, height, width)
        assert tile.rows * tile.down >= height > tile.rows * (tile.down - 1)
        assert tile.columns * tile.across >= width
        assert min(tile.rows, tile.columns) >= side - 1


def test_a_matrix_of_a_tile_by_hand():
    """Windows of 1x2 in a tile of 2x2: one kernel a, b."""
    kernel = jnp.array([[[[5.0, 7.0], [0.0, 0.0]]]])
    matrix = tiled._matrix(kernel, tiled.Tile(2, 2, 1, 1))[0, :, :, 0]
    assert matrix.shape == (2, 2, 3, 3)
    np.testing.assert_array_equal(matrix[0, 0], [[5, 7, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(matrix[1, 1], [[0, 0, 0], [0, 5, 7], [0, 0, 0]])


@FORMS
def test_nested_maps_are_groups_of_groups(products):
    rng = np.random.default_rng(0)
    x, kernel = (rng.normal(size=s).astype(np.float32)
                 for s in ((2, 3, 1, 4, 4, 2), (2, 3, 2, 1, 3, 3)))
    found = jax.vmap(jax.vmap(lambda x, k: products.one(x, k, 3)))(x, kernel)
    for i, j in np.ndindex(2, 3):
        _assert_close([found[i, j]], [reference.product(x[i, j], kernel[i, j], 3)])
