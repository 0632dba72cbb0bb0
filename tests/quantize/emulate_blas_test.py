"""The fast emulator: the same bits as that on integers, whatever the layers are."""

import dataclasses

import numpy as np
import pytest

from sparse_jax.quantize import (
    Images,
    blocks,
    calibrate,
    classes_of,
    classify,
    emulate,
    emulate_blas,
    fixed_point,
    quantize,
)
from sparse_jax.quantize.random_nets import random_images, random_net

METHODS = ('minmax', 'percentile', 'mse', 'fixed')


def _case(seed, count=70):
    net = random_net(seed, strides=seed % 2 == 1, averaged=seed % 3 == 1,
                     largest=20 if seed % 4 == 0 else 14)
    images = random_images(net, count, seed)
    method = METHODS[seed % 4]
    return quantize(net, calibrate(net, images[:24], method=method)), images


def _same(net, images):
    expected, found = emulate(net, images), emulate_blas(net, images)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('seed', range(40))
def test_logits_are_those_of_integers(seed):
    """70 images: a whole block, and a part of one."""
    _same(*_case(seed))


@pytest.mark.parametrize('whole', (True, False))
@pytest.mark.parametrize('seed', (1, 6, 9, 16))
def test_both_forms_of_a_convolution(seed, whole, monkeypatch):
    net, images = _case(seed, 10)
    assert any(node.op == 'conv' for node in net.nodes)
    monkeypatch.setattr(blocks, 'whole_rows', lambda weight, width, places: whole)
    _same(net, images)


@pytest.mark.parametrize('wide', (0, 99))
@pytest.mark.parametrize('seed', (1, 4, 9))
def test_both_forms_of_a_depthwise_convolution(seed, wide, monkeypatch):
    net, images = _case(seed, 10)
    assert any(node.op == 'depthwise' for node in net.nodes)
    monkeypatch.setattr(blocks, 'WIDE', wide)
    _same(net, images)


def test_products_in_parts(monkeypatch):
    monkeypatch.setattr(blocks, '_ROWS', 1)
    for seed in range(6):
        _same(*_case(seed, 5))


@pytest.mark.parametrize('seed', (2, 3, 5))
def test_whatever_float64_cannot_hold_goes_through_integers(seed, monkeypatch):
    net, images = _case(seed, 5)
    refused = []

    def refuse(multiplier, shift, reach):
        refused.append(reach)

    monkeypatch.setattr(blocks, 'rounding', refuse)
    _same(net, images)
    assert refused


@pytest.mark.parametrize('seed', (1, 6))
def test_channels_of_large_right_shifts(seed):
    """Beside others: half of the channels of every layer."""
    net, images = _case(seed, 5)
    odd = lambda node: None if node.shift is None else np.where(
        np.arange(len(node.shift)) % 2, np.minimum(node.shift, -11 - seed), node.shift)
    nodes = tuple(dataclasses.replace(node, shift=odd(node)) for node in net.nodes)
    _same(dataclasses.replace(net, nodes=nodes), images)


@pytest.mark.parametrize('low', (-128, 3))
@pytest.mark.parametrize('shift', (-31, -17, -13, -12, -9, -1, 0, 1))
def test_one_rounding_is_tflites_two(shift, low):
    """All sums of an interval about 0, more at random, ties included."""
    rng, zero = np.random.default_rng(shift + 40), 3
    multiplier = np.array([1 << 30, 3 << 29, *rng.integers(1 << 30, 1 << 31, 6), 0])
    shifts = np.full(len(multiplier), shift)
    sums = np.r_[np.arange(-9000, 9000), rng.integers(-300000, 300000, 9000)]
    sums = np.tile(sums, (len(multiplier), 1))
    start = rng.integers(-50, 50, (len(multiplier), 1))
    expected = zero + fixed_point.rescale(
        sums + start, multiplier[:, None], shifts[:, None])
    exact = blocks.rounding(multiplier, shifts, np.full(len(multiplier), 300050.0))
    assert exact is not None
    found = exact.codes(sums * exact.scale, start, zero, low)
    np.testing.assert_array_equal(np.clip(found, low, 127),
                                  np.clip(expected, low, 127))


def test_float64_that_is_too_short_is_refused():
    one, half = np.array([1.0]), np.array([1 << 30])
    assert blocks.rounding(half, np.array([0]), 2.0**22 * one) is not None
    assert blocks.rounding(half, np.array([0]), 2.0**23 * one) is None
    assert blocks.rounding(half, np.array([2]), 2.0**21 * one) is None
    assert blocks.rounding(half, np.array([-31]), 2.0**23 * one) is None
    for right, first in ((-31, True), (-13, True), (-12, False)):
        found = blocks.rounding(half, np.array([right]), one)
        assert found is not None and (found.right is not None) == first


def test_images_are_coded_once_per_input():
    net, images = _case(1)
    shared = Images(images)
    first = shared.blocks(net)
    np.testing.assert_array_equal(classify(net, shared),
                                  classes_of(net, emulate(net, images)))
    assert shared.blocks(net) is first
    other = dataclasses.replace(net, pixel_step=2.0)
    assert shared.blocks(other) is not first
    np.testing.assert_array_equal(emulate_blas(other, shared), emulate(other, images))


def test_of_codes_those_that_were_last_asked_for_are_kept():
    net, images = _case(1, 6)
    net = dataclasses.replace(net, downsample=1, squeeze_depth=False)
    at = lambda step: dataclasses.replace(net, pixel_step=float(step))
    shared = Images(images)
    first, second = shared.blocks(at(1)), shared.blocks(at(2))
    for step in range(3, 6):
        assert shared.blocks(at(1)) is first
        shared.blocks(at(step))
    again = shared.blocks(at(2))
    assert shared.blocks(at(1)) is first and again is not second
    for left, right in zip(again, second, strict=True):
        np.testing.assert_array_equal(left, right)
