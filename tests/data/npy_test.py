"""Folders of .npy files, whole and damaged."""

import io

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, digest, load, load_test

RNG = np.random.default_rng(3)
X = RNG.integers(0, 256, (40, 6, 5), dtype=np.uint8)
Y = (np.arange(40) % 4).astype(np.uint8)


def _spec(folder, **fields):
    return DataSpec(name='mine', path=str(folder), **fields)


def _save(folder, **arrays):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f'{name}.npy', array)
    return folder


def test_a_pair_is_the_same_set_as_an_npz(tmp_path):
    np.savez(tmp_path / 'a.npz', X=X, y=Y)
    expected = digest(load(_spec(tmp_path / 'a.npz')))
    for i, names in enumerate((('images', 'labels'), ('x', 'y'), ('X', 'targets'))):
        folder = _save(tmp_path / str(i), **dict(zip(names, (X, Y))))
        assert digest(load(_spec(folder))) == expected


@pytest.mark.parametrize('train', [
    ('train_images', 'train_labels'), ('x_train', 'y_train'), ('images', 'labels')])
def test_parts_are_respected(tmp_path, train):
    folder = _save(tmp_path, **dict(zip(train, (X, Y))), test_images=X[:7],
                   test_labels=Y[:7], val_images=X[7:12], val_labels=Y[7:12])
    data, test = load(_spec(folder)), load_test(_spec(folder))
    assert [len(p.labels) for p in (data.train, data.validation, test)] == [40, 5, 7]
    np.testing.assert_array_equal(test.images[..., 0], X[:7])


def test_classes_have_names(tmp_path):
    folder = _save(tmp_path, images=X, labels=Y, classes=np.array(list('abcde')))
    assert load(_spec(folder)).class_names == tuple('abcde')
    (folder / 'classes.txt').write_text('cat\ndog\nbird\ncow\n')
    (folder / 'classes.npy').unlink()
    assert load(DataSpec('again', str(folder))).class_names == (
        'cat', 'dog', 'bird', 'cow')


def _claims():
    """An array whose header says a petabyte."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {'descr': '|u1', 'fortran_order': False, 'shape': (40, 10**13)})
    return head.getvalue()


@pytest.mark.parametrize('name, content, message', [
    ('images.npy', b'', 'images.npy: cannot be read'),
    ('images.npy', b'\x93NUMPY', 'images.npy: cannot be read'),
    ('images.npy', _claims(), 'images.npy: cannot be read'),
    ('test_images.npy', b'', r"not \['y_test'\]; accepted: images.npy and labels.npy"),
    ('x.npy', b'', 'x.npy: stands beside images.npy; accepted: one file of these'),
])
def test_what_is_refused(tmp_path, name, content, message):
    folder = _save(tmp_path, images=X, labels=Y)
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load(_spec(folder))
    assert '\n' not in str(caught.value) and 'accepted' in str(caught.value)


def test_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / 'images.npy', X)
    np.save(tmp_path / 'labels.npy', np.array([print] * 40), allow_pickle=True)
    with pytest.raises(DataError, match='labels.npy: cannot be read'):
        load(_spec(tmp_path))


def test_channels_of_arrays(tmp_path):
    folder = _save(tmp_path / 'grey', images=X, labels=Y)
    images = load(_spec(folder, channels=3)).train.images
    assert images.shape[-1] == 3 and (np.ptp(images, axis=-1) == 0).all()
    colour = np.full((40, 6, 6, 3), [10, 100, 200], np.uint8)
    colour[:, 0] = Y[:, None, None]
    folder = _save(tmp_path / 'colour', images=colour, labels=Y)
    # 0.299 * 10 + 0.587 * 100 + 0.114 * 200 = 84.5, and a little less in Pillow.
    assert load(_spec(folder, channels=1)).train.images[0, 1:].max() == 84
    folder = _save(tmp_path / 'float', images=colour / 10, labels=Y)
    found = load(_spec(folder, channels=1)).train.images
    assert found.dtype == np.float32 and found[0, 5, 5, 0] == pytest.approx(8.449, 1e-4)
    folder = _save(tmp_path / 'many', images=np.repeat(colour, 2, -1), labels=Y,
                   layout='NHWC')
    with pytest.raises(DataError, match='images of 6 channels, and channels=1'):
        load(_spec(folder, channels=1))
    with pytest.raises(DataError, match='channels=2: accepted: 0'):
        _spec(folder, channels=2)
