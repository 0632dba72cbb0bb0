"""Augmentation against pictures moved one by one in NumPy."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import counter_noise
from sparse_jax.model import network
from sparse_jax.native.images import gathered
from sparse_jax.ops import lowering
from sparse_jax.pruning import no_pruning
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.training import (
    Augment,
    Procedure,
    TrainConfig,
    TrainData,
    train,
)
from sparse_jax.training.augment import places, suited
from tests import sampled

SEED = jnp.array([12, 345], jnp.uint32)
SHIFT = 2


def _pictures(count=64, side=8, channels=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, side, side, channels)).astype(np.float32)


def taken(seed, step, images, rows, augment):
    """Images [N, H, W, C] of a step, [B, H, W, C]."""
    return gathered(images, rows, *places(
        seed, step, len(rows), images.shape[1:3], augment))


def _versions(image, shift):
    """{(down, right, mirrored): image} of all that may become of a picture."""
    side, found = len(image), {}
    wide = np.pad(image, ((shift, shift), (shift, shift), (0, 0)), 'edge')
    for y in range(2 * shift + 1):
        for x in range(2 * shift + 1):
            part = wide[y:y + side, x:x + side]
            found[y - shift, x - shift, False] = part
            found[y - shift, x - shift, True] = part[:, ::-1]
    return found


def _changes(images, shift=SHIFT, flip='on', steps=range(12)):
    """[(down, right, mirrored)] of every picture of some steps."""
    seen = []
    for step in steps:
        found = np.asarray(taken(SEED, jnp.int32(step), jnp.asarray(images),
                                 jnp.arange(len(images)), Augment(shift, flip)))
        for before, after in zip(images, found):
            names = [name for name, version in _versions(before, shift).items()
                     if np.array_equal(version, after)]
            assert len(names) == 1
            seen += names
    return seen


def test_every_picture_is_moved_and_mirrored_whole():
    """All 50 changes occur, about equally often: 768 draws, 15.4 each."""
    seen = _changes(_pictures())
    assert len(seen) == 768
    _, counts = np.unique(np.array(seen, int), axis=0, return_counts=True)
    assert len(counts) == 50 and ((counts - 15.36) ** 2 / 15.36).sum() < 85  # 0.1 %
    for part in np.array(seen, int).T:
        assert abs(np.corrcoef(part[:-1], part[1:])[0, 1]) < 0.12


def test_without_a_flip_nothing_is_mirrored():
    assert not any(mirrored for *_, mirrored in _changes(_pictures(), flip='off'))
    assert {name[:2] for name in _changes(_pictures(), shift=0)} == {(0, 0)}


def test_rows_and_steps_decide():
    images = jnp.asarray(_pictures())
    rows = jnp.array([5, 5, 9])
    at = lambda step, rows: np.asarray(
        taken(SEED, jnp.int32(step), images, rows, Augment(SHIFT, 'on')))
    first = at(3, rows)
    np.testing.assert_array_equal(first, at(3, rows))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, at(4, rows))


GRAPH = Graph((8, 8, 2), 2, True, (
    Node('conv', 'conv', ('input',), 3, 2, 2),
    Node('classifier', 'dense', ('conv',), 3, relu=False)))


@functools.cache
def _training(augment, conv='patches'):
    """images [N, 8, 8, 2] -> losses of two epochs; one program for all images."""
    skeleton, candidate = sampled.unpadded(GRAPH)
    config = TrainConfig(epochs=2, batch_size=8, augment=augment)
    procedure = Procedure(skeleton, no_pruning(), config, conv)
    candidate = candidate._replace(learning_rate=np.float32(0.01))
    state = sampled.started(procedure, candidate)
    labels = lambda images: np.arange(len(images), dtype=np.int32) % 3
    return sampled.quick_jit(lambda images: train(
        jax.random.key(1), state, candidate, TrainData(images, labels(images)),
        jax.random.key(2), procedure=procedure)[1].loss)


def _losses(images, augment):
    return np.asarray(_training(augment)(images))


def test_what_looks_the_same_trains_the_same():
    """Mirrored symmetric pictures, shifted plain ones; others train differently."""
    images = _pictures(24, channels=2)
    none = Augment()
    symmetric = images + images[:, :, ::-1]
    np.testing.assert_array_equal(
        _losses(symmetric, none), _losses(symmetric, Augment(0, 'on')))
    plain = np.broadcast_to(images[:, :1, :1], images.shape)
    np.testing.assert_array_equal(_losses(plain, none), _losses(plain, Augment(3)))
    assert abs(_losses(images, none) - _losses(images, Augment(1))).max() > 1e-3


@pytest.mark.skipif(not lowering.runs_here('direct'), reason='no C++ compiler')
@pytest.mark.parametrize('augment', [Augment(), Augment(2, 'on')])
def test_direct_convolutions_see_the_same_pictures(augment):
    images = _pictures(24, channels=2)
    np.testing.assert_allclose(
        _training(augment, 'direct')(images), _losses(images, augment), rtol=1e-5)


@pytest.mark.parametrize('kind', ['max', 'average'])
def test_batches_are_down_sampled_as_images_are(kind):
    """Of 7 x 10 pixels, three at a time, the last ones of both sides are left out."""
    graph = dataclasses.replace(
        GRAPH, input_shape=(7, 10, 2), downsample=3, downsample_type=kind)
    skeleton, _ = sampled.unpadded(graph)
    images = np.random.default_rng(0).normal(size=(5, 7, 10, 2)).astype(np.float32)
    ours = network.prepare_batch(skeleton, images.transpose(3, 1, 2, 0))
    theirs = network.prepare_images(skeleton, images)
    assert ours.shape[1:] == (2, 3, 5)
    np.testing.assert_allclose(np.moveaxis(ours, -1, 0), theirs, rtol=1e-6)


def test_pictures_move_before_they_are_down_sampled():
    """One pixel at full resolution; an order of the two that is not the same."""
    skeleton, _ = sampled.unpadded(GRAPH)
    images = _pictures(16, channels=2)
    found = network.prepare_images(skeleton, taken(
        SEED, jnp.int32(0), jnp.asarray(images), jnp.arange(16), Augment(1)))
    shifts = _changes(images, shift=1, flip='off', steps=[0])
    for before, after, name in zip(images, np.asarray(found), shifts):
        moved = _versions(before, 1)[name].max(axis=2)
        blocks = moved.reshape(4, 2, 4, 2).max(axis=(1, 3))
        np.testing.assert_array_equal(after[0], blocks)


@pytest.mark.parametrize('name, shape, expected', [
    ('cifar10', (32, 32, 3), Augment(2, 'on')), ('mnist', (28, 28, 1), Augment(1)),
    ('fashion_mnist', (28, 28, 1), Augment(1, 'on')), ('digits', (8, 8, 1), Augment()),
    ('chars4k', (20, 20, 3), Augment(1)), ('mine', (96, 64, 1), Augment(4))])
def test_what_suits_a_data_set(name, shape, expected):
    assert suited(Augment(-1, 'auto'), name, shape) == expected
    assert suited(Augment(3, 'auto'), name, shape) == Augment(3, expected.flip)
    assert suited(Augment(0, 'on'), name, shape) == Augment(0, 'on')
    assert suited(Augment(), name, shape) == Augment()


@pytest.mark.parametrize('values, line', [
    ((-2, 'on'), 'train.augment.shift: -2 is not allowed; allowed: -1 (as suits the '
                 'data set), 0 (none) to 64'),
    ((0, 'left'), "train.augment.flip: 'left' is not allowed; allowed: auto, on, off")])
def test_bad_settings_are_one_line(values, line):
    with pytest.raises(ValueError) as caught:
        Augment(*values)
    assert str(caught.value) == line


def test_a_training_needs_values():
    with pytest.raises(ValueError, match='which data set is not known here'):
        _losses(_pictures(8, channels=2), Augment(-1))


def test_words_are_those_of_the_counter():
    """The changes are a function of seed, step and place alone."""
    index = np.arange(5 * 64, 6 * 64, dtype=np.uint32)
    word = np.asarray(counter_noise.bits(SEED, index))
    down = ((word & 0xFFF) * 5 >> 12).astype(int) - 2
    right = ((word >> 12 & 0xFFF) * 5 >> 12).astype(int) - 2
    expected = list(zip(down, right, word >> 31 == 1))
    # Mirrored pictures move to the other side.
    assert [(y, -x if mirrored else x, mirrored) for y, x, mirrored in _changes(
        _pictures(), steps=[5])] == expected
