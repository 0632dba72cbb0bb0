"""idx files that the tests write, whole and damaged."""

import gzip

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test
from sparse_jax.data.idx import IMAGES_MAGIC, LABELS_MAGIC, read


@pytest.mark.parametrize('gz', [True, False])
def test_folder_round_trip(tmp_path, images, write_idx, gz):
    spec = DataSpec(name='mnist', path=write_idx(tmp_path, images, gz), split='random')
    data, test = load(spec), load_test(spec)
    assert (len(data.train.labels), len(data.validation.labels)) == (54, 6)
    np.testing.assert_array_equal(test.images, images[2][..., None])
    np.testing.assert_array_equal(test.labels, images[3])
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(data.train.images[..., 0], images[0][order[6:]])
    np.testing.assert_array_equal(data.train.labels, images[1][order[6:]])
    np.testing.assert_array_equal(data.validation.images[..., 0], images[0][order[:6]])
    assert data.class_names == tuple('0123456789')


def test_folder_without_a_test_pair_is_split_in_three(tmp_path, images, write_idx):
    spec = DataSpec(name='mine', path=write_idx(tmp_path, images[:2]))
    assert len(load(spec).train.labels) == 42
    assert len(load(spec).validation.labels) == 6
    assert len(load_test(spec).labels) == 12


def test_gzip_is_recognised_by_content(tmp_path, images, encode_idx):
    path = tmp_path / 'no_suffix'
    path.write_bytes(gzip.compress(encode_idx(images[0])))
    np.testing.assert_array_equal(read(path, IMAGES_MAGIC), images[0])


@pytest.mark.parametrize('change, message', [
    (lambda d: d[:-1], 'found 47055 bytes, expected 47056'),
    (lambda d: d + b'x', 'found 47057 bytes, expected 47056'),
    (lambda d: d[:10], 'found 10 bytes, expected at least 16'),
    (lambda d: b'', 'found 0 bytes'),
    (lambda d: b'\x00\x00\x08\x01' + d[4:], 'magic number 2049; accepted: 2051'),
    (lambda d: b'\x03\x08\x00\x00' + d[4:], 'magic number'),
    # 2**32 - 1 in each dimension: refused by its size, nothing is allocated.
    (lambda d: d[:4] + b'\xff' * 12 + d[16:], 'expected 79228162458924105385300197391'),
    # No image of 2**32 - 1 rows and columns: no bytes, and no room in an array.
    (lambda d: d[:4] + b'\0' * 4 + b'\xff' * 8, r'sizes \[0, 4294967295, 4294967295'),
    (lambda d: gzip.compress(d)[:-20], 'corrupt or truncated gzip'),
    (lambda d: b'\x1f\x8b' + d, 'corrupt or truncated gzip'),
    (lambda d: gzip.compress(d)[:100] + b'\0' * 500, 'corrupt or truncated gzip'),
])
def test_damaged_files_are_refused(tmp_path, images, encode_idx, change, message):
    path = tmp_path / 'file'
    path.write_bytes(change(encode_idx(images[0])))
    with pytest.raises(DataError, match=message) as caught:
        read(path, IMAGES_MAGIC)
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)


def test_an_unreadable_path_is_refused(tmp_path):
    with pytest.raises(DataError, match='cannot be read'):
        read(tmp_path, LABELS_MAGIC)


@pytest.mark.parametrize('gz', ['', '.gz'])
def test_a_dot_in_place_of_a_hyphen(tmp_path, images, write_idx, gz):
    """As file managers unpack MNIST, and as it is offered unpacked."""
    path = write_idx(tmp_path, images, bool(gz))
    plain = load_test(DataSpec(name='mnist', path=path))
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace('-idx', '.idx')))
    (tmp_path / 'again').mkdir()
    for path in tmp_path.glob('*.idx*'):
        path.rename(tmp_path / 'again' / path.name)
    found = load_test(DataSpec(name='mnist', path=str(tmp_path / 'again')))
    np.testing.assert_array_equal(found.images, plain.images)
    np.testing.assert_array_equal(found.labels, plain.labels)


@pytest.mark.parametrize('lost', [
    'train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte'])
def test_an_incomplete_pair_is_refused(tmp_path, images, write_idx, lost):
    path = write_idx(tmp_path, images)
    (tmp_path / f'{lost}.gz').unlink()
    with pytest.raises(DataError, match=rf'{lost}\[.gz\] is missing'):
        load(DataSpec(name='mnist', path=path))


def test_counts_that_differ_are_refused(tmp_path, images, write_idx):
    path = write_idx(tmp_path, (images[0], images[1][:-1]))
    with pytest.raises(DataError, match='59 labels for 60 images'):
        load(DataSpec(name='mnist', path=path))


def test_an_empty_set_is_refused(tmp_path, images, write_idx):
    path = write_idx(tmp_path, (images[0][:0], images[1][:0]))
    with pytest.raises(DataError, match=r'sizes \[0, 28, 28\] .* at least one'):
        load(DataSpec(name='mnist', path=path))


def test_the_official_test_set_is_grouped_too(tmp_path, images, write_idx):
    test = load_test(DataSpec(name='mnist_binary', path=write_idx(tmp_path, images)))
    np.testing.assert_array_equal(test.labels, images[3] >= 5)
