"""One int8 logit for two classes: its sign about the zero point, tuned like two."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from sparse_jax.model.compact import CompactNet, CompactNode, classify, per_class
from sparse_jax.quantize import (
    calibrate,
    classes_of,
    dequantize,
    emulate,
    emulate_jax,
    finetune,
    int8_accuracy,
    quantize,
)
from sparse_jax.quantize import classify as classify_int8
from sparse_jax.quantize.random_nets import random_images, random_net


def _net(seed=1):
    rng = np.random.default_rng(seed)
    return CompactNet((4, 4, 1), 1, False, 8.0, 5.0, (
        CompactNode('a', 'dense', ('input',), rng.normal(size=(6, 16)),
                    rng.normal(size=6) * 0.1, relu=True),
        CompactNode('b', 'dense', ('a',), rng.normal(size=(1, 6)), np.zeros(1))))


def _data(count=160):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 17, (count, 4, 4, 1)).astype(np.float64)
    return images, (images[:, :2].mean((1, 2, 3))
                    > images[:, 2:].mean((1, 2, 3))).astype(int)


def test_the_class_is_the_sign_about_the_zero_point():
    net = _net()
    q = quantize(net, calibrate(net, _data()[0]))
    zero = q.tensors[q.output].zero_point
    assert q.units == 1 and q.classes == 2 and -128 < zero < 127
    codes = np.arange(-128, 128).astype(np.int8)[:, None]
    np.testing.assert_array_equal(classes_of(q, codes), codes[:, 0] > zero)


@pytest.mark.parametrize('seed', range(12))
def test_random_networks_of_two_classes(seed):
    """Both emulators agree; away from 0 the class is that of the float network."""
    net = random_net(seed, classes=2)
    images = random_images(net, 40, seed)
    q = quantize(net, calibrate(net, images))
    codes = emulate(q, images)
    assert codes.shape == (40, 1) and net.classes == q.classes == 2
    np.testing.assert_array_equal(codes, emulate_jax(q, images))
    guesses = classes_of(q, codes)
    np.testing.assert_array_equal(guesses, classify_int8(q, images))
    np.testing.assert_array_equal(guesses, dequantize(q, codes)[:, 0] > 0)
    assert int8_accuracy(net, images, images, guesses) == 1.0
    # Without `classes` the same draws as ever.
    plain = random_net(seed)
    assert [n.op for n in plain.nodes] == [n.op for n in net.nodes]


def test_int8_keeps_the_classes_of_a_plain_network():
    images, _ = _data()
    net = _net()
    agree = np.mean(classify_int8(quantize(net, calibrate(net, images)), images)
                    == classify(net, images))
    assert agree > 0.95


def test_fine_tuning_one_unit_learns():
    images, labels = _data()
    net, ranges = finetune(jax.random.key(3), _net(), images, labels, steps=200,
                           learning_rate=0.02)
    assert ranges.tuning.kept == 'end' and ranges.tuning.end > ranges.tuning.start
    assert len(net.nodes[-1].weight) == 1
    right = np.mean(classify_int8(quantize(net, ranges), images) == labels)
    assert right > 0.95


def test_the_loss_is_that_of_two_logits():
    rng = np.random.default_rng(0)
    two, labels = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    loss = optax.softmax_cross_entropy_with_integer_labels
    np.testing.assert_allclose(
        loss(per_class(jax.numpy.asarray(np.diff(two))), labels), loss(two, labels),
        rtol=1e-5)


def test_two_units_are_two_classes_as_well():
    net = _net()
    last = net.nodes[-1]
    two = dataclasses.replace(net, nodes=(net.nodes[0], dataclasses.replace(
        last, weight=np.concatenate([0 * last.weight, last.weight]), bias=np.zeros(2))))
    images, _ = _data()
    assert two.classes == 2
    np.testing.assert_array_equal(classify(two, images), classify(net, images))
