"""Adds of feature maps and average pools in int8: hand-computed codes, scales."""

import jax
import numpy as np
import pytest

from sparse_jax.model.compact import CompactNet, CompactNode, logits
from sparse_jax.quantize import (
    Ranges,
    calibrate,
    dequantize,
    emulate,
    emulate_codes,
    emulate_jax,
    finetune,
    quantize,
)
from sparse_jax.quantize.random_nets import random_images


def _net(*nodes, shape=(5, 5, 1), mean=128.0, std=1.0):
    return CompactNet(shape, 1, False, mean, std, nodes)


def _conv(name, source, maps, k, planes=1):
    rng = np.random.default_rng(maps + k)
    return CompactNode(name, 'conv', (source,), rng.normal(size=(maps, planes, k, k)),
                       rng.normal(size=maps))


@pytest.mark.parametrize('kernel, expected', (
    # Codes less 128; halves go away from zero: 2.5 -> 3, -2.5 -> -3.
    (2, [[3, -3], [-1, 7]]), (3, [[1]]), (9, [[0]])))
def test_average_pool_of_known_codes(kernel, expected):
    codes = np.array([[1, 2, -1, -2, 0], [3, 4, -3, -4, 0], [-1, 0, 5, 7, 0],
                      [0, -1, 9, 7, 0], [0, 0, 0, 0, -26]])
    net = _net(CompactNode('mean', 'average_pool', ('input',), kernel=kernel))
    image = (codes + 128)[None, :, :, None]
    q = quantize(net, calibrate(net, image))
    out = emulate_codes(q, image.astype(np.uint8))['mean']
    np.testing.assert_array_equal(out, np.array(expected)[None, None])


def test_average_pool_keeps_the_scale_of_its_input():
    net = _net(_conv('conv', 'input', 3, 2), CompactNode(
        'mean', 'average_pool', ('conv',), kernel=2), CompactNode(
        'image', 'average_pool', ('input',), kernel=4, relu=True), mean=100.3, std=60.0)
    q = quantize(net, calibrate(net, random_images(net, 8)))
    assert q.tensors['mean'] == q.tensors['conv']
    assert q.tensors['image'] == q.tensors['input'] and q.tensors['image'].offset
    assert q.nodes[2].low == q.tensors['input'].zero_point


def test_what_reads_the_mean_of_the_image_knows_its_exact_zero():
    weight = np.array([[1.0]])
    net = _net(CompactNode('mean', 'average_pool', ('input',), kernel=9),
               CompactNode('fc', 'dense', ('mean',), weight), shape=(2, 2, 1),
               mean=100.4, std=50.0)
    images = np.arange(256).reshape(-1, 1, 1, 1) * np.ones((1, 2, 2, 1))
    q = quantize(net, calibrate(net, images))
    error = dequantize(q, emulate(q, images)) - logits(net, images)
    assert np.abs(error).max() <= 0.51 * q.tensors['fc'].scale


def test_add_of_known_values():
    """The middle 3 x 3 of the image, and one map that the image lacks."""
    kernel = np.zeros((2, 1, 3, 3))
    kernel[0, 0, 1, 1], kernel[1, 0, 0, 0] = 2.0, 1.0
    net = _net(CompactNode('conv', 'conv', ('input',), kernel), CompactNode(
        'add', 'add', ('input', 'conv')))
    image = np.arange(25).reshape(1, 5, 5, 1) + 128
    ones = Ranges({'conv': (-128.0, 127.0), 'add': (-128.0, 127.0)},
                  {'conv': np.array([2.0, 1.0])})
    q = quantize(net, ones)
    out = emulate_codes(q, image.astype(np.uint8))['add'][0]
    plane = np.arange(25).reshape(5, 5)
    np.testing.assert_array_equal(out[0], 3 * plane[1:4, 1:4])
    np.testing.assert_array_equal(out[1], plane[:3, :3])
    np.testing.assert_array_equal(out.astype(float), logits(net, image)[0])


def test_add_with_relu_and_pool_is_the_float_network():
    net = _net(_conv('a', 'input', 2, 1), _conv('b', 'a', 4, 2, 2), CompactNode(
        'add', 'add', ('b', 'a'), relu=True, pool=2), CompactNode(
        'fc', 'dense', ('add',), np.eye(3, 16)), mean=120.0, std=70.0)
    images = random_images(net, 40)
    q = quantize(net, calibrate(net, images))
    real = logits(net, images)
    assert np.abs(dequantize(q, emulate(q, images)) - real).max() < 0.03 * np.ptp(real)
    np.testing.assert_array_equal(emulate_jax(q, images), emulate(q, images))


def test_finetuning_trains_through_both():
    net = _net(_conv('a', 'input', 2, 2), CompactNode(
        'image', 'average_pool', ('input',), kernel=2), _conv('b', 'image', 3, 1),
        CompactNode('add', 'add', ('b', 'a'), relu=True),
        CompactNode('mean', 'average_pool', ('add',), kernel=2),
        CompactNode('fc', 'dense', ('mean',), np.ones((2, 3))), mean=120.0, std=70.0)
    images = random_images(net, 64)
    labels = (images.mean((1, 2, 3)) > 127).astype(int)
    tuned, ranges = finetune(jax.random.key(0), net, images, labels, steps=30,
                             learning_rate=1e-2)
    assert ranges.tuning.kept == 'end'
    assert set(ranges.activations) == {node.name for node in net.nodes}
    assert not np.array_equal(tuned.nodes[2].weight, net.nodes[2].weight)
    assert ranges.activations['mean'] == ranges.activations['add']
