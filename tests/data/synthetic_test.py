"""Synthetic images: deterministic, balanced, learnable."""

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test, synthetic


def _nearest_mean_accuracy(train, held):
    means = np.stack([train.images[train.labels == k].mean(0).ravel()
                      for k in range(train.labels.max() + 1)])
    flat = held.images.reshape(len(held.labels), -1).astype(float)
    nearest = ((flat[:, None] - means) ** 2).sum(-1).argmin(1)
    return (nearest == held.labels).mean()


def test_shapes_and_balance():
    data = synthetic(
        0, shape=(7, 5, 3), num_classes=3, num_train=30, num_validation=9)
    assert data.input_shape == (7, 5, 3) and data.num_classes == 3
    assert data.train.images.dtype == np.uint8 and data.train.labels.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(data.train.labels), [10, 10, 10])
    np.testing.assert_array_equal(np.bincount(data.validation.labels), [3, 3, 3])


def test_equal_seeds_give_equal_images():
    first, again, other = synthetic(1), synthetic(1), synthetic(2)
    np.testing.assert_array_equal(first.train.images, again.train.images)
    assert (first.train.images != other.train.images).any()


@pytest.mark.parametrize('seed', range(4))
def test_classes_can_be_learned_but_not_trivially(seed):
    data = synthetic(seed)
    assert 0.5 < _nearest_mean_accuracy(data.train, data.validation) <= 1
    noisy = synthetic(seed, noise=2000.0)
    assert _nearest_mean_accuracy(noisy.train, noisy.validation) < 0.6


def test_spec_reaches_it_with_a_test_part():
    spec = DataSpec(name='synthetic', seed=4, test_size=50)
    data, test = load(spec), load_test(spec)
    assert (len(data.train.labels), len(data.validation.labels)) == (850, 100)
    assert len(test.labels) == 50
    assert _nearest_mean_accuracy(data.train, test) > 0.5


@pytest.mark.parametrize('arguments', [
    {'num_classes': 1}, {'shape': (4, 4)}, {'shape': (0, 4, 1)}, {'num_train': 3},
    {'num_validation': 0}])
def test_empty_sizes_are_refused(arguments):
    with pytest.raises(DataError, match='accepted'):
        synthetic(0, **arguments)
