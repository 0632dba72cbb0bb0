"""Statistics, normalisation and what a data set exposes."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.data import DataError, Dataset, Split, normalise
from sparse_jax.data.dataset import assemble, pixel_statistics


def _split(images, labels):
    return Split(np.asarray(images), np.asarray(labels, np.int32))


def test_statistics_are_scalars_over_every_value():
    images = np.random.default_rng(0).integers(0, 256, (5000, 3, 2, 3), dtype=np.uint8)
    mean, std = pixel_statistics(images)
    assert isinstance(mean, float) and isinstance(std, float)
    np.testing.assert_allclose([mean, std], [images.mean(), images.std()], rtol=1e-12)


def test_statistics_do_not_cancel_far_from_zero():
    images = np.float32([1e6, 1e6 + 1] * 8).reshape(4, 2, 2, 1)
    assert pixel_statistics(images) == (1e6 + 0.5, 0.5)


def test_normalise_is_affine_and_takes_jax_arrays():
    images = np.uint8([[0, 5], [10, 255]]).reshape(1, 2, 2, 1)
    expected = np.float32([-2.5, 0, 2.5, 125]).reshape(1, 2, 2, 1)
    for array in (images, jnp.asarray(images)):
        result = normalise(array, 5.0, 2.0)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(np.asarray(result), expected)


def test_scalar_statistics_commute_with_max_pooling():
    images = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)

    def pool(x):
        return x.reshape(3, 4, 2, 4, 2, 3).max((2, 4))
    mean, std = pixel_statistics(images)
    np.testing.assert_array_equal(
        normalise(pool(images), mean, std), pool(normalise(images, mean, std)))


def test_assemble_describes_the_train_part():
    train = _split(np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1), [0, 1])
    data = assemble('x', train, train, ('a', 'b'))
    # Bytes of the name of a folder that are no text.
    odd = assemble('x', train, train, ('a', 'b\udcff'))
    assert odd.class_names == ('a', 'b?')
    assert data.input_shape == (2, 3, 1)
    assert (data.num_classes, data.mean) == (2, 5.5)
    assert hash(data) and data == data


def test_dataset_has_no_field_for_the_test_part():
    names = [f.name for f in dataclasses.fields(Dataset)]
    assert names == [
        'name', 'train', 'validation', 'num_classes', 'mean', 'std', 'class_names',
        'notes', 'resized_from', 'soft_labels']


def test_a_single_class_or_constant_pixels_are_refused():
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    with pytest.raises(DataError, match=r'single class \[1\]'):
        assemble('x', _split(images, [1, 1]), _split(images, [0, 1]), ('a', 'b'))
    flat = np.full_like(images, 3)
    with pytest.raises(DataError, match='every pixel of the train part is 3'):
        assemble('x', _split(flat, [0, 1]), _split(images, [0, 1]), ('a', 'b'))
