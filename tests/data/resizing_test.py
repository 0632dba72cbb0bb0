"""Images are means over the areas that their pixels cover."""

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test
from sparse_jax.data.resizing import area_mean
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.reading import data_spec
from tests import tiny_study


def _slow(image, size):
    """[h, w] exact means of an [H, W] image, from an image of H h by W w pixels."""
    (high, wide), (rows, columns) = image.shape, size
    fine = np.repeat(np.repeat(image.astype(int), rows, 0), columns, 1)
    return fine.reshape(rows, high, columns, wide).sum((1, 3)), high * wide


@pytest.mark.parametrize('size', [(1, 1), (3, 5), (7, 4), (6, 10), (5, 3)])
def test_bytes_are_exact_means_rounded_half_up(size):
    images = np.random.default_rng(0).integers(0, 256, (300, 7, 10, 2), np.uint8)
    found = area_mean(images, size)
    assert found.dtype == np.uint8 and found.shape == (300, *size, 2)
    for n in (0, 299):
        for channel in range(2):
            total, area = _slow(images[n, :, :, channel], size)
            expected = np.floor(total / area + 0.5)
            np.testing.assert_array_equal(found[n, :, :, channel], expected)


def test_whole_areas_are_plain_block_means_of_floats():
    images = np.random.default_rng(1).normal(size=(3, 8, 6, 1)).astype(np.float32)
    blocks = images.reshape(3, 4, 2, 2, 3, 1).mean((2, 4))
    np.testing.assert_allclose(area_mean(images, (4, 2)), blocks, rtol=1e-5, atol=1e-6)
    assert area_mean(images, (4, 2)).dtype == np.float32


def test_all_parts_of_a_data_set_are_resized_once():
    whole, small = DataSpec(), DataSpec(image_size=(4, 6))
    found = load(small)
    assert found.input_shape == (4, 6, 1) and found.resized_from == (8, 8)
    assert load(whole).resized_from is None
    for part, raw in ((found.train, load(whole).train),
                      (load_test(small), load_test(whole))):
        np.testing.assert_array_equal(part.images, area_mean(raw.images, (4, 6)))
        np.testing.assert_array_equal(part.labels, raw.labels)


@pytest.mark.parametrize('size, shape', [
    ((), (8, 8, 1)), ((0,), (8, 8, 1)), ((5,), (5, 5, 1)), ((8, 8), (8, 8, 1))])
def test_one_number_is_a_square_and_none_is_as_they_are(size, shape):
    found = load(DataSpec(image_size=size))
    assert found.input_shape == shape
    assert (found.resized_from is None) == (shape == (8, 8, 1))


@pytest.mark.parametrize('size', [(1,), (4, 1), (4, 4, 4), (-4,), (0, 4), (4.0,), 4])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(DataError, match='^image_size=.*accepted: '):
        DataSpec(image_size=size)
    if size != 4:
        with pytest.raises(ConfigError, match='^config.data.image_size: .*allowed: '):
            tiny_study.settings(data__image_size=size)


def test_images_are_never_enlarged():
    with pytest.raises(DataError, match=r"^'digits': image_size=\(9, 8\) is larger"):
        load(DataSpec(image_size=(9, 8)))


def test_the_setting_reaches_the_data():
    assert data_spec(tiny_study.settings(data__image_size=(5,))).size == (5, 5)
