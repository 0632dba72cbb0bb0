"""Noise and normalisation of single layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import layers, network
from sparse_jax.model.layers import MaskedBatchNorm, Weighted
from sparse_jax.space.architecture import Graph, Node
from tests import sampled


def _noisy(node, sources, kernel, noise, x, image_size=(6, 6)):
    layer = Weighted(node, kernel.shape, sources, image_size)
    valid = {'kernel': jnp.ones(kernel.shape, bool)}
    params = {'kernel': jnp.asarray(kernel)}
    if node.biased:
        valid['bias'] = jnp.ones(len(kernel), bool)
        params['bias'] = jnp.zeros(len(kernel))
    return np.asarray(layer.apply(
        {'params': params, 'noise': noise}, x, valid, 1.0,
        jnp.array([1, 2], jnp.uint32)))


def test_element_ids_differ_between_sources_and_rows_of_images():
    ids = layers.element_ids(((32, 12, 12), (32, 12, 12), (200,)), (12, 12))
    assert len(np.unique(ids)) == len(ids) == 2 * 32 * 144 + 200
    # Adding image numbers keeps the sources of one layer apart.
    index = (ids[:, None] + np.arange(64, dtype=np.uint32)).ravel()
    assert len(np.unique(index)) > 0.995 * index.size


@pytest.mark.parametrize('shape', [(3,), (2, 6, 5)])
def test_element_ids_do_not_depend_on_padding(shape):
    wide = tuple(n + 2 for n in shape)
    if len(shape) == 3:
        wide = (wide[0], 6, 6)
    small = layers.element_ids((shape,), (6, 6)).reshape(shape)
    large = layers.element_ids((wide,), (6, 6)).reshape(wide)
    np.testing.assert_array_equal(
        small, large[tuple(slice(0, n) for n in shape)])


def test_group_scales_of_two_concatenated_sources_are_independent():
    # Two sources of one element each, 4096 images of ones, opposite weights: equal
    # scales would cancel.
    node = Node('fc', 'dense', ('a', 'b'), 1, relu=False)
    kernel = np.array([[1.0, -1.0]], np.float32)
    noise = {'group_mean': jnp.ones(2), 'group_variance': jnp.full(2, 0.25)}
    y = _noisy(node, ((1,), (1,)), kernel, noise, jnp.ones((2, 4096)))
    assert abs(y.var() - 0.5) < 5 * 0.5 * np.sqrt(2 / 4096)
    assert abs(y.mean()) < 5 * np.sqrt(0.5 / 4096)


def test_group_scales_of_a_convolution_are_one_per_map_and_image():
    node = Node('c', 'conv', ('input',), 3, 2, 2, relu=False)
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 2, 2, 2)).astype(np.float32)
    x = jnp.asarray(rng.normal(size=(2, 6, 6, 2000)).astype(np.float32))
    noise = {'group_mean': jnp.array([1.0, 2.0, -1.0]),
             'group_variance': jnp.array([0.1, 0.0, 0.4])}
    layer = Weighted(node, kernel.shape, ((2, 6, 6),), (6, 6))
    plain = np.asarray(layer.apply(
        {'params': {'kernel': kernel}}, x,
        {'kernel': np.ones(kernel.shape, bool)}, 1.0, None))
    scale = _noisy(node, ((2, 6, 6),), kernel, noise, x) / plain
    # Constant over the map (pixels where the division is well conditioned).
    fine = np.abs(plain) > 0.1
    middle = np.nanmedian(np.where(fine, scale, np.nan), axis=(1, 2))
    assert np.abs(np.where(fine, scale - middle[:, None, None], 0)).max() < 1e-4
    np.testing.assert_allclose(middle.mean(1), [1, 2, -1], atol=5 * np.sqrt(.4 / 2000))
    np.testing.assert_allclose(middle.var(1), [.1, 0, .4], atol=.4 * 5 * np.sqrt(1e-3))


@pytest.mark.parametrize('op', ['conv', 'depthwise', 'dense'])
def test_local_reparametrisation_has_the_moments_of_sampled_weights(op):
    """One image in 4096 copies against 4096 weight matrices drawn one by one."""
    rng = np.random.default_rng(2)
    copies = 4096
    shape = {'conv': (2, 3, 2, 2), 'depthwise': (3, 2, 2), 'dense': (2, 48)}[op]
    mean, sigma = rng.normal(size=shape), rng.uniform(0.2, 1.0, shape)
    image = rng.normal(size=(3, 4, 4))
    x = np.repeat(image[..., None], copies, axis=-1).astype(np.float32)
    node = Node('n', op, ('input',), shape[0], 2, 2, relu=False)
    noise = {'variance': jnp.asarray((sigma**2).astype(np.float32))}
    x = x.reshape(48, copies) if op == 'dense' else x
    ours = _noisy(node, ((3, 4, 4),), mean.astype(np.float32), noise, x)
    drawn = mean + sigma * rng.normal(size=(copies, *shape))
    if op == 'dense':
        theirs = np.einsum('nuf,f->un', drawn, image.ravel())
    else:
        windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2), (1, 2))
        pattern = 'nocij,chwij->ohwn' if op == 'conv' else 'ncij,chwij->chwn'
        theirs = np.einsum(pattern, drawn, windows)
    deviation = theirs.std(-1)
    np.testing.assert_array_less(
        np.abs(ours.mean(-1) - theirs.mean(-1)), 5 * deviation * np.sqrt(2 / copies))
    np.testing.assert_allclose(ours.std(-1), deviation, rtol=5 / np.sqrt(copies))


def test_layers_draw_their_own_weights_and_noise():
    """Two equal branches on one image: uncorrelated weights, independent noise."""
    graph = Graph((6, 6, 1), 1, False, (
        Node('left-fc', 'dense', ('input',), 64),
        Node('right-fc', 'dense', ('input',), 64),
        Node('classifier', 'dense', ('left-fc', 'right-fc'), 2, relu=False)))
    skeleton, candidate = sampled.unpadded(graph)
    params = network.init(jax.random.key(0), skeleton, candidate)['params']
    left, right = (np.asarray(params[f'{b}-fc']['kernel']).ravel()
                   for b in ('left', 'right'))
    assert abs(np.corrcoef(left, right)[0, 1]) < 5 / np.sqrt(left.size)
    # Zero means, one class that reads +left -right of one unit: equal noise cancels.
    params = jax.tree.map(jnp.zeros_like, params)
    params['classifier']['kernel'] = params['classifier']['kernel'].at[
        0, 0].set(1.0).at[0, 64].set(-1.0)
    noise = {f'{b}-fc': {'variance': jnp.full((64, 36), 1 / 36)}
             for b in ('left', 'right')}
    y = np.asarray(network.SparseNet(skeleton).apply(
        {'params': params, 'noise': noise}, candidate, jnp.ones((1, 6, 6, 4096)),
        seed=np.array([0, 1], np.uint32)))[0]
    # The difference of two rectified standard normals: variance 1 - 1 / pi.
    assert abs(y.var() - (1 - 1 / np.pi)) < 0.1


def test_batch_norm_uses_the_true_pixels_only():
    rng = np.random.default_rng(3)
    true = rng.normal(2.0, 3.0, (4, 3, 5, 7)).astype(np.float32)
    x = np.zeros((4, 6, 6, 7), np.float32)
    x[:, :3, :5] = true
    norm = MaskedBatchNorm(momentum=0.75)
    variables = norm.init(jax.random.key(0), x, 15, False)
    y, new = norm.apply(variables, x, jnp.int32(15), True, mutable=['batch_stats'])
    mean, var = true.mean((1, 2, 3)), true.var((1, 2, 3))
    column = lambda v: v[:, None, None, None]
    np.testing.assert_allclose(
        y[:, :3, :5], (true - column(mean)) / np.sqrt(column(var) + 1e-3), atol=1e-4)
    np.testing.assert_allclose(new['batch_stats']['mean'], 0.25 * mean, rtol=1e-4)
    np.testing.assert_allclose(
        new['batch_stats']['var'], 0.75 + 0.25 * var, rtol=1e-4)


@pytest.mark.parametrize('size', [96, 128])
def test_maps_of_large_images_have_noise_of_their_own(size):
    """A single index of map, row, column and image wraps at 128x128 after 64 maps."""
    node = Node('conv', 'conv', ('input',), 66, 1, 1, relu=False)
    kernel = np.zeros((66, 1, 1, 1), np.float32)
    noise = {'variance': jnp.ones(kernel.shape)}
    y = _noisy(node, ((1, size, size),), kernel, noise,
               jnp.ones((1, size, size, 1)), (size, size)).reshape(66, -1)
    correlation = np.corrcoef(y) - np.eye(66)
    assert np.abs(correlation).max() < 6 / size
    assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01
    fewer = _noisy(node, ((1, size, size),), kernel[:3], {
        'variance': noise['variance'][:3]}, jnp.ones((1, size, size, 1)), (size, size))
    np.testing.assert_array_equal(fewer.reshape(3, -1), y[:3])


def test_noise_without_a_key_is_one_clear_line():
    node = Node('fc', 'dense', ('input',), 2, relu=False)
    layer = Weighted(node, (2, 3), ((3,),), (1, 1))
    variables = {'params': {'kernel': jnp.ones((2, 3))},
                 'noise': {'variance': jnp.ones((2, 3))}}
    with pytest.raises(ValueError, match='needs a seed'):
        layer.apply(variables, jnp.ones((3, 4)), {'kernel': jnp.ones((2, 3), bool)},
                    1.0, None)
