"""Sets of the paper that nobody downloads: their forms, their parts, where they are."""

import dataclasses

import numpy as np
import pytest

from launch import config_flag
from sparse_jax.data import DataError, DataSpec, load, load_test, splits
from sparse_jax.data.known import SOURCES
from sparse_jax.settings.reading import data_spec, read
from tests.data import folders


def _spec(preset, path):
    """What a preset reads at a path."""
    spec = data_spec(read(config_flag.load(f'experiments/{preset}_cpu.py')))
    return dataclasses.replace(spec, path=str(path))


@pytest.fixture
def curet(tmp_path):
    """A folder of its form."""
    return folders.materials(tmp_path)


def test_materials_become_small_grey_pictures(curet):
    spec = _spec('curet', curet)
    images, test = load(spec), load_test(spec)
    assert images.input_shape == (32, 32, 1) and images.num_classes == 61
    assert images.class_names[9] == 'sample10' and images.resized_from == (40, 40)
    counts = [len(part.labels) for part in (images.train, images.validation, test)]
    assert sum(counts) == 610
    for part in (images.train, images.validation, test):
        assert set(part.labels) == set(range(61))


def test_materials_in_two_groups(curet):
    whole, spec = load(_spec('curet', curet)), _spec('curet_binary', curet)
    images = load(spec)
    assert images.num_classes == 2
    same = dict(zip((x.tobytes() for x in whole.train.images), whole.train.labels))
    for image, label in zip(images.train.images, images.train.labels):
        if image.tobytes() in same:
            assert label == (same[image.tobytes()] >= 30)


def test_materials_have_the_parts_of_the_paper():
    assert splits.sizes(DataSpec('curet'), 61 * 92, 0) == (500, 1408)
    assert splits.sizes(DataSpec('curet_binary'), 5612, 0) == (500, 1408)
    assert 5612 - 500 - 1408 == 3704


def test_zip_codes_in_two_groups(tmp_path):
    spec = _spec('usps_binary', folders.zip_codes(tmp_path / 'usps.npz'))
    images, test = load(spec), load_test(spec)
    assert images.input_shape == (16, 16, 1) and images.num_classes == 2
    np.testing.assert_array_equal(test.labels, np.arange(20) % 10 >= 5)


@pytest.mark.parametrize('name', ['chars4k', 'chars4k_binary', 'curet', 'usps_binary'])
def test_what_is_missing_says_where_it_comes_from(name):
    with pytest.raises(DataError) as found:
        load(DataSpec(name))
    base = name.removesuffix('_binary')
    assert str(found.value) == (
        f'name={base!r}: nothing downloads it; accepted: data.path of {SOURCES[base]}')
