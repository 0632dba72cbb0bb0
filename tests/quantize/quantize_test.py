"""Quantised networks: close to the real ones, exact where exactness is promised."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax.model.compact import CompactNet, CompactNode, logits
from sparse_jax.quantize import (
    OPERATIONS,
    calibrate,
    dequantize,
    emulate,
    emulate_codes,
    emulate_jax,
    finetune,
    int8_accuracy,
    pixel_codes,
    pixel_grid,
    quantize,
)
from sparse_jax.quantize.random_nets import random_images, random_net

METHODS = ('minmax', 'percentile', 'mse', 'fixed')


def _quantized(seed, method='minmax', **settings):
    net = random_net(seed)
    images = random_images(net, 24, seed)
    ranges = calibrate(net, images, method=method)
    return net, images, quantize(net, ranges, **settings)


@pytest.mark.parametrize('seed', range(60))
def test_logits_are_close_to_the_float_network(seed):
    net, images, q = _quantized(seed)
    real = logits(net, images)
    error = np.abs(dequantize(q, emulate(q, images)) - real).max()
    # Where a bias dwarfs what the image adds, two codes of the logits.
    assert error <= max(0.15 * max(np.ptp(real), 1e-3), 2 * q.tensors[q.output].scale)


@pytest.mark.parametrize('seed', range(12))
def test_windows_with_strides(seed):
    net = random_net(seed, strides=True, largest=20)
    images = random_images(net, 24, seed)
    q = quantize(net, calibrate(net, images))
    out, real = emulate(q, images), logits(net, images)
    np.testing.assert_array_equal(emulate_jax(q, images), out)
    error = np.abs(dequantize(q, out) - real).max()
    assert error <= max(0.15 * max(np.ptp(real), 1e-3), 2 * q.tensors[q.output].scale)


@pytest.mark.parametrize('seed', (3, 7, 11, 19))
@pytest.mark.parametrize('method', METHODS)
def test_jax_emulator_is_bit_equal(seed, method):
    _, images, q = _quantized(seed, method)
    np.testing.assert_array_equal(emulate_jax(q, images), emulate(q, images))


@pytest.mark.parametrize('small', (1e-3, 1e-6, 1e-8))
def test_sums_with_a_dead_summand_are_scaled_down(small):
    """The C of a sum has no left shift."""
    def dense(name, source, diagonal, bias, relu=True):
        return CompactNode(name, 'dense', (source,), diagonal * np.eye(2),
                           np.full(2, bias), relu)

    net = CompactNet((1, 2, 1), 1, False, 128.0, 60.0, (
        dense('dead', 'input', -0.1, -5.0), dense('small', 'input', small, 0.0),
        CompactNode('sum', 'sum', ('dead', 'small')),
        dense('classifier', 'sum', 1 / small, 0.0, False)))
    images = random_images(net, 50)
    q = quantize(net, calibrate(net, images))
    assert (q.nodes[2].shift <= 0).all()
    np.testing.assert_array_equal(emulate_jax(q, images), emulate(q, images))


@pytest.mark.parametrize('seed', range(100, 130))
def test_pool_before_requantise_is_exact(seed):
    """The fused order (pool int32, rescale) equals TFLite's (rescale, pool int8)."""
    _, images, q = _quantized(seed)
    nodes = []
    for node in q.nodes:
        nodes.append(dataclasses.replace(node, pool=1))
    fused = emulate_codes(q, images)
    for node, plain in zip(q.nodes, nodes):
        if node.pool == 1:
            continue
        y = emulate_codes(dataclasses.replace(
            q, nodes=(*q.nodes[: q.nodes.index(node)], plain)), images)[node.name]
        n, c, h, w = y.shape
        p = node.pool
        y = y[:, :, : h // p * p, : w // p * p]
        y = y.reshape(n, c, h // p, p, w // p, p).max(axis=(3, 5))
        np.testing.assert_array_equal(fused[node.name], y)


def test_integer_pixels_are_mapped_exactly():
    assert pixel_grid(np.array([0, 16.0])) == (0.0, 1.0)
    net, images, q = _quantized(2)
    np.testing.assert_array_equal(pixel_codes(q, images), images)
    x = emulate_codes(q, images)['input'].astype(int) + 128
    assert x.min() >= 0
    t = q.tensors['input']
    real = t.scale * ((x - 128) - t.zero_point) + t.offset
    np.testing.assert_allclose(real, (x - net.mean) / net.std, atol=1e-5)


def test_pixels_in_unit_range_use_256_levels():
    low, step = pixel_grid(np.linspace(0, 1, 256))
    assert low == 0.0 and step == pytest.approx(1 / 255)


def test_first_layer_absorbs_a_fractional_zero_point():
    weight = np.array([[1.0]])
    net = CompactNet((1, 1, 1), 1, False, 100.4, 50.0,
                     (CompactNode('fc', 'dense', ('input',), weight),))
    images = np.arange(256).reshape(-1, 1, 1, 1)
    q = quantize(net, calibrate(net, images))
    error = dequantize(q, emulate(q, images)) - logits(net, images)
    # Unfolded, the 0.4 of the zero point would come on top of the rounding.
    assert np.abs(error).max() <= 0.51 * q.tensors['fc'].scale


def test_concatenated_tensors_share_their_scale():
    for seed in range(40):
        _, _, q = _quantized(seed)
        for node in q.nodes:
            if node.op == 'concatenate':
                scales = {q.tensors[n] for n in (*node.inputs, node.name)
                          if n != 'input'}
                assert len(scales) == 1


def test_dense_layers_can_have_one_scale():
    _, images, q = _quantized(5, per_channel_dense=False)
    dense = [n for n in q.nodes if n.op == 'dense' and n.weight.any()]
    assert dense and all(np.ptp(n.weight_scale) == 0 for n in dense)
    assert emulate(q, images).dtype == np.int8


def test_fixed_ranges_are_the_papers():
    net, images, q = _quantized(8, 'fixed')
    for node, source in zip(q.nodes, net.nodes):
        if source.relu and source.op != 'concatenate' and not any(
                n.op == 'concatenate' for n in net.nodes):
            assert q.tensors[node.name].scale == pytest.approx(6 / 255)


def test_unknown_method_is_refused():
    net = random_net(0)
    with pytest.raises(ValueError, match='unknown calibration'):
        calibrate(net, random_images(net, 2), method='median')


def test_finetuning_repairs_coarse_ranges_and_keeps_zeros():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 17, (256, 8, 8, 1)).astype(np.float64)
    labels = (images[:, :4].mean((1, 2, 3)) > images[:, 4:].mean((1, 2, 3))).astype(int)
    weight = rng.normal(size=(3, 1, 3, 3)) * (rng.random((3, 1, 3, 3)) < 0.7)
    nodes = (
        CompactNode('conv', 'conv', ('input',), weight, np.zeros(3), relu=True, pool=2),
        CompactNode('fc', 'dense', ('conv',), rng.normal(size=(2, 27)) * 0.1,
                    np.zeros(2)),
    )
    net = CompactNet((8, 8, 1), 1, False, 8.0, 5.0, nodes)
    tuned, ranges = finetune(jax.random.key(0), net, images, labels, steps=200,
                             learning_rate=1e-2)

    def accuracy(network, ranges):
        return int8_accuracy(network, images, images, labels, ranges=ranges)

    assert accuracy(tuned, ranges) > accuracy(net, calibrate(net, images)) + 0.2
    assert not tuned.nodes[0].weight[weight == 0].any()
    assert all(np.abs(n.weight).max() <= ranges.weights[n.name].max() * 1.0001
               for n in tuned.nodes)


def test_finetuning_trains_every_operation():
    """A network with all operations, found among the random ones."""
    net = next(n for n in (random_net(seed, largest=8) for seed in range(3000))
               if {node.op for node in n.nodes} == set(OPERATIONS)
               and len(n.nodes) < 14)
    images = random_images(net, 32)
    labels = np.arange(32) % net.tensor_shapes()[net.nodes[-1].name][0]
    tuned, ranges = finetune(jax.random.key(1), net, images, labels, steps=4)
    for node, old in zip(tuned.nodes, net.nodes):
        if old.weight is not None:
            assert not np.asarray(node.weight)[old.weight == 0].any()
    real = logits(tuned, images)
    q = quantize(tuned, ranges)
    error = np.abs(dequantize(q, emulate(q, images)) - real).max()
    assert error <= 0.2 * np.ptp(real)
