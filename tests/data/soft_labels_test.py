"""Soft labels: written, read again, and refused where they are of something else."""

import dataclasses
import io
import zipfile

import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.data import soft_labels
from sparse_jax.data.dataset import Split, assemble


@pytest.fixture(scope='module')
def images():
    rng = np.random.default_rng(0)
    part = lambda n: Split(rng.integers(0, 255, (n, 4, 4, 1), np.uint8),
                           np.arange(n, dtype=np.int32) % 3)
    return assemble('mine', part(6), part(3), ('a', 'b', 'c'))


@pytest.fixture
def probabilities():
    return np.random.default_rng(1).dirichlet(np.ones(3), 6).astype(np.float32)


def test_what_is_written_is_read(tmp_path, images, probabilities):
    path = tmp_path / soft_labels.FILE
    soft_labels.write(path, probabilities, images)
    found = soft_labels.attached(images, str(path))
    np.testing.assert_array_equal(found.soft_labels, probabilities)
    assert found.soft_labels.dtype == np.float32
    assert data.digest(found) == data.digest(images)
    assert soft_labels.attached(images, '') is images and images.soft_labels is None


@pytest.mark.parametrize('change, reason', [
    (lambda p: p[:5], 'no probabilities of 6 images and 3 classes'),
    (lambda p: p[:, :2], 'no probabilities of 6 images and 3 classes'),
    (lambda p: 2 * p, 'no probabilities'),
    (lambda p: p * np.nan, 'no probabilities'),
    (lambda p: p - np.array([1, -1, 0]), 'no probabilities'),
])
def test_what_is_no_probability_is_refused(
        tmp_path, images, probabilities, change, reason):
    path = tmp_path / 'soft.npz'
    soft_labels.write(path, change(probabilities), images)
    with pytest.raises(data.DataError, match=reason) as error:
        soft_labels.read(path, images)
    assert '\n' not in str(error.value)


def test_those_of_other_images_are_refused(tmp_path, images, probabilities):
    path = tmp_path / 'soft.npz'
    soft_labels.write(path, probabilities, images)
    labels = images.train.labels[::-1].copy()
    other = dataclasses.replace(images, train=Split(images.train.images, labels))
    with pytest.raises(data.DataError, match="other images or labels.*'mine'"):
        soft_labels.read(path, other)


@pytest.mark.parametrize('content', [None, b'', b'no archive', 'array', 'others'])
def test_what_is_no_such_file_is_refused(tmp_path, images, content):
    path = tmp_path / 'soft.npz'
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == 'array':
        with path.open('wb') as file:
            np.save(file, np.zeros(3))
    elif content == 'others':
        np.savez(path, X=np.zeros(3))
    with pytest.raises(data.DataError, match='launch.teach') as error:
        soft_labels.read(path, images)
    assert '\n' not in str(error.value)
    if content == 'others':
        assert 'holds no images' in str(error.value)


def test_a_header_that_claims_a_petabyte_is_refused(tmp_path, images):
    path = tmp_path / 'soft.npz'
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {
        'descr': '<f4', 'fortran_order': False, 'shape': (10 ** 15, 3)})
    with zipfile.ZipFile(path, 'w') as file:
        for key in soft_labels.KEYS:
            file.writestr(f'{key}.npy', header.getvalue())
    with pytest.raises(data.DataError, match=r'claims \d+ bytes, in a') as error:
        soft_labels.read(path, images)
    assert str(error.value).startswith(f'soft_labels={str(path)!r}: ')
