"""An input that is down-sampled by means: in training, in floats and in int8."""

import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model.compact import CompactNet, CompactNode, logits, prepare_input
from sparse_jax.model.network import prepare_images
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.quantize import (
    calibrate,
    dequantize,
    emulate,
    emulate_codes,
    emulate_jax,
    quantize,
)
from sparse_jax.quantize.quantized import UnfitNetworkError
from sparse_jax.quantize.random_nets import random_images, random_net
from sparse_jax.space.architecture import Graph, Node

SEEDS = [seed for seed in range(40) if random_net(seed).downsample > 1]


def _flat(shape, rate, squeeze, mean=128.0, std=1.0):
    """A network whose logits are its averaged input."""
    maps, size = 1 if squeeze else shape[2], (shape[0] // rate) * (shape[1] // rate)
    node = CompactNode('fc', 'dense', ('input',), np.eye(maps * size, dtype='f4'))
    return CompactNet(shape, rate, squeeze, mean, std, (node,), 'average')


def test_codes_are_means_with_halves_away_from_zero():
    """Codes less 128; the fifth row and column are left over."""
    codes = np.array([[1, 2, -1, -2, 90], [3, 4, -3, -4, 90], [-1, 0, 5, 7, 90],
                      [0, -1, 9, 7, 90], [90, 90, 90, 90, 90]])
    images = (codes + 128)[None, :, :, None]
    net = _flat((5, 5, 1), 2, False)
    q = quantize(net, calibrate(net, images))
    found = emulate_codes(q, images.astype(np.uint8))['input']
    np.testing.assert_array_equal(found[0, 0], [[3, -3], [-1, 7]])
    np.testing.assert_array_equal(prepare_input(net, images)[0, 0],
                                  [[2.5, -2.5], [-0.5, 7.0]])


def test_the_maximum_of_channels_comes_before_the_mean():
    images = np.array([[[10, 200], [60, 4]], [[30, 20], [0, 8]]], float)[None]
    net = _flat((2, 2, 2), 2, True, mean=0.0)
    assert prepare_input(net, images).ravel() == (200 + 60 + 30 + 8) / 4
    graph = Graph((2, 2, 2), 2, True, (
        Node('classifier', 'dense', ('input',), 2, relu=False),),
        downsample_type='average')
    trained = prepare_images(Skeleton(graph), jnp.asarray(images))
    assert float(trained.ravel()[0]) == (200 + 60 + 30 + 8) / 4


@pytest.mark.parametrize('seed', SEEDS)
def test_emulators_are_bit_equal_and_near_the_float_network(seed):
    net = random_net(seed, averaged=True)
    images = random_images(net, 24, seed)
    q = quantize(net, calibrate(net, images))
    assert q.averages
    out = emulate(q, images)
    np.testing.assert_array_equal(emulate_jax(q, images), out)
    real = logits(net, images)
    error = np.abs(dequantize(q, out) - real).max()
    assert error <= max(0.15 * max(np.ptp(real), 1e-3), 2 * q.tensors[q.output].scale)


def test_windows_whose_sums_need_more_than_16_bits_are_refused():
    net = _flat((17, 17, 1), 17, False)
    with pytest.raises(UnfitNetworkError, match='means of 17 .* allowed: up to 16'):
        quantize(net, calibrate(net, np.zeros((1, 17, 17, 1))))
