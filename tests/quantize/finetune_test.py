"""Fine-tuning in int8: the same at every scale, never worse than its start."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, emulate, finetune, quantize
from sparse_jax.quantize.tuned import Judge, better, hold_out

KEY = jax.random.key(3)


def _data(count=160):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 17, (count, 4, 4, 1)).astype(np.float64)
    labels = (images[:, :2].mean((1, 2, 3)) > images[:, 2:].mean((1, 2, 3))).astype(int)
    return images, labels


def _net(scale=1.0):
    """Two dense layers; `scale` moves from the second to the first."""
    rng = np.random.default_rng(1)
    return CompactNet((4, 4, 1), 1, False, 8.0, 5.0, (
        CompactNode('a', 'dense', ('input',), rng.normal(size=(6, 16)) * scale,
                    rng.normal(size=6) * 0.1 * scale, relu=True),
        CompactNode('b', 'dense', ('a',), rng.normal(size=(2, 6)) / scale,
                    np.zeros(2))))


def _tuned(net, steps=60, **settings):
    images, labels = _data()
    return finetune(KEY, net, images, labels, steps=steps, **settings)


@pytest.mark.parametrize('scale', (2.0**-30, 2.0**-10, 2.0**24))
def test_moving_scale_between_layers_changes_nothing(scale):
    images, _ = _data()
    (net, ranges), (moved, moved_ranges) = _tuned(_net()), _tuned(_net(scale))
    assert ranges.tuning == moved_ranges.tuning
    assert ranges.tuning.kept == 'end' and ranges.tuning.end > ranges.tuning.start
    first, second = (quantize(*pair) for pair in ((net, ranges), (moved, moved_ranges)))
    for a, b in zip(first.nodes, second.nodes):
        np.testing.assert_array_equal(a.weight, b.weight)
        np.testing.assert_array_equal(a.bias, b.bias)
    np.testing.assert_array_equal(emulate(first, images), emulate(second, images))


def test_no_steps_return_the_start():
    images, _ = _data()
    net, ranges = _tuned(_net(1e-6), steps=0)
    start = calibrate(_net(1e-6), images)
    assert ranges.tuning.kept == 'start'
    assert ranges.activations == start.activations
    np.testing.assert_array_equal(net.nodes[0].weight, _net(1e-6).nodes[0].weight)


@pytest.mark.parametrize('rate', (3.0, float('nan')))
def test_a_training_that_harms_is_not_returned(rate):
    good, _ = _tuned(_net())
    net, ranges = _tuned(good, learning_rate=rate)
    tuning = ranges.tuning
    assert tuning.kept == 'start' and not tuning.end > tuning.start
    np.testing.assert_array_equal(net.nodes[0].weight, good.nodes[0].weight)
    assert np.isnan(tuning.end) == np.isnan(rate)


def test_same_key_same_result():
    (net, ranges), (again, its_ranges) = _tuned(_net()), _tuned(_net())
    assert ranges.tuning == its_ranges.tuning and ranges.tuning.images == 20
    assert ranges.activations == its_ranges.activations
    np.testing.assert_array_equal(net.nodes[0].weight, again.nodes[0].weight)


def test_given_images_judge():
    images, labels = _data()
    _, ranges = _tuned(_net(), judges=(images[:40], labels[:40]))
    assert ranges.tuning.images == 40


def test_held_out_rows_are_a_deterministic_part():
    train, judges = hold_out(KEY, 100)
    assert len(judges) == 12 and not set(train) & set(judges)
    np.testing.assert_array_equal(np.sort(np.r_[train, judges]), np.arange(100))
    np.testing.assert_array_equal(judges, hold_out(KEY, 100)[1])
    few, same = hold_out(KEY, 15)
    np.testing.assert_array_equal(few, same)
    assert len(hold_out(KEY, 50_000)[1]) == 2000


def test_equal_accuracy_is_told_apart_by_likelihood():
    images, _ = _data()
    sure = _net()
    # Half the logits: the same classes, less sure of them.
    unsure = dataclasses.replace(sure, nodes=(
        sure.nodes[0], dataclasses.replace(sure.nodes[1],
                                           weight=sure.nodes[1].weight / 2)))
    sure, unsure = ((net, calibrate(net, images)) for net in (sure, unsure))
    judge = Judge(images, emulate(quantize(*sure), images).argmax(-1))
    (full, first), (same, second) = judge.score(sure), judge.score(unsure)
    assert full == same == 1.0 and 0 > first > second
    assert better(judge, unsure, sure)[1].tuning.kept == 'end'
    assert better(judge, sure, unsure)[1].tuning.kept == 'start'
    assert better(judge, sure, sure)[1].tuning.kept == 'start'


def test_a_network_that_int8_cannot_hold_loses():
    images, labels = _data()
    parts = tuple(CompactNode(f'n{i}', 'dense', ('input',), np.ones((2, 16)))
                  for i in range(16))
    unfit = CompactNet((4, 4, 1), 1, False, 8.0, 5.0, (
        *parts, CompactNode('all', 'sum', tuple(node.name for node in parts))))
    unfit, fit = ((net, calibrate(net, images)) for net in (unfit, _net()))
    judge = Judge(images, labels)
    assert better(judge, fit, unfit)[1].tuning.kept == 'start'
    assert better(judge, unfit, fit)[1].tuning.kept == 'end'
    assert better(judge, unfit, None)[1].tuning.kept == 'start'
