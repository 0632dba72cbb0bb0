"""npz files with each accepted set of keys, whole and damaged."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test

RNG = np.random.default_rng(3)
X = RNG.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
Y = (np.arange(40) % 4).astype(np.uint8)


def _save(tmp_path, **arrays):
    path = tmp_path / 'file.npz'
    np.savez(path, **arrays)
    return str(path)


def test_official_test_arrays_are_respected(tmp_path):
    path = _save(tmp_path, x_train=X, y_train=Y, x_test=X[:7], y_test=Y[:7])
    spec = DataSpec(name='mine', path=path)
    assert len(load(spec).train.labels) == 36
    np.testing.assert_array_equal(load_test(spec).images, X[:7])
    np.testing.assert_array_equal(load_test(spec).labels, Y[:7])


def test_a_validation_set_of_its_own_is_respected(tmp_path):
    """As where samples of one speaker or writer must stay together."""
    path = _save(tmp_path, x_train=X, y_train=Y, x_val=X[5:12], y_val=Y[5:12])
    spec = DataSpec(name='mine', path=path)
    data = load(spec)
    np.testing.assert_array_equal(data.validation.images, X[5:12])
    np.testing.assert_array_equal(data.validation.labels, Y[5:12])
    assert len(data.train.labels) == 32 and len(load_test(spec).labels) == 8
    with pytest.raises(DataError, match='validation_size=3: .* an official validation'):
        load(DataSpec(name='mine', path=path, validation_size=3))
    whole = _save(tmp_path, x_train=X, y_train=Y, x_val=X[:3], y_val=Y[:3],
                  x_test=X[3:5], y_test=Y[3:5])
    assert len(load(DataSpec(name='all', path=whole)).train.labels) == 40
    with pytest.raises(DataError, match=r"not \['y_val'\]"):
        load(DataSpec(name='half', path=_save(
            tmp_path, x_train=X, y_train=Y, x_val=X[:3])))


@pytest.mark.parametrize('keys', [('x_train', 'y_train'), ('X', 'y')])
def test_without_a_test_set_one_is_withheld(tmp_path, keys):
    spec = DataSpec(name='mine', path=_save(tmp_path, **dict(zip(keys, (X, Y)))))
    data, test = load(spec), load_test(spec)
    parts = [data.train, data.validation, test]
    assert [len(p.labels) for p in parts] == [28, 4, 8]
    rows = np.concatenate([p.images.reshape(-1, 90) for p in parts])
    assert len(np.unique(rows, axis=0)) == 40
    known = {row.tobytes(): label for row, label in zip(X.reshape(-1, 90), Y)}
    for part in parts:
        for row, label in zip(part.images, part.labels):
            assert known[row.tobytes()] == label


def test_class_names_allow_classes_without_images(tmp_path):
    path = _save(tmp_path, X=X, y=Y, ids=np.arange(40), classes=np.array(list('abcde')))
    data = load(DataSpec(name='mine', path=path))
    assert data.class_names == tuple('abcde') and data.num_classes == 5


def test_grouped_labels(tmp_path):
    path = _save(tmp_path, X=X, y=Y)
    plain = load(DataSpec(name='mine', path=path))
    for spec in (DataSpec(name='mine_binary', path=path),
                 DataSpec(name='mine', path=path, classes='0-1/2-3')):
        data = load(spec)
        np.testing.assert_array_equal(data.train.images, plain.train.images)
        np.testing.assert_array_equal(data.train.labels, plain.train.labels // 2)
        assert data.num_classes == 2 and data.class_names == ('0-1', '2-3')
    assert load_test(DataSpec(name='mine_binary', path=path)).labels.max() == 1


def test_float_images_stay_float(tmp_path):
    path = _save(tmp_path, X=X / 255, y=Y)
    assert load(DataSpec(name='mine', path=path)).train.images.dtype == np.float32


@pytest.mark.parametrize('arrays, message', [
    ({'a': X, 'b': Y}, r"holds \['a', 'b'\], not \['X', 'y'\]"),
    ({'x_train': X, 'y_train': Y, 'x_test': X}, r"not \['y_test'\]"),
    ({'X': X}, r"not \['y'\]"),
    ({'X': X, 'y': np.array([None] * 40, object)}, 'cannot be read .*allow_pickle'),
    ({'X': X, 'y': Y, 'classes': np.array('a')}, r'classes of shape \(\)'),
    ({'X': X, 'y': Y, 'classes': np.array(['a', 'b', 'a'])}, "class 'a' of classes"),
    ({'X': X, 'y': Y, 'classes': np.array(['a', ' '])}, "class ' ' of classes"),
    ({'X': X, 'y': Y * 0}, 'single class'),
    ({'X': X[:, 0, 0], 'y': Y}, r'images of shape \(40, 3\)'),
])
def test_unfit_arrays_are_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message) as caught:
        load(DataSpec(name='mine', path=_save(tmp_path, **arrays)))
    assert '\n' not in str(caught.value)


def _flipped(data):
    return data[:200] + bytes(b ^ 255 for b in data[200:260]) + data[260:]


@pytest.mark.parametrize('damage', [
    lambda d: b'', lambda d: b'not a zip', lambda d: d[:len(d) // 2], _flipped,
    lambda d: pickle.dumps({'X': 1})])
def test_damaged_files_are_refused(tmp_path, damage):
    path = _save(tmp_path, X=X, y=Y)
    data = open(path, 'rb').read()
    with open(path, 'wb') as stream:
        stream.write(damage(data))
    with pytest.raises(DataError, match='cannot be read') as caught:
        load(DataSpec(name='mine', path=path))
    assert '\n' not in str(caught.value)


def test_a_lone_array_is_refused(tmp_path):
    path = tmp_path / 'array.npz'
    with open(path, 'wb') as stream:
        np.save(stream, X)
    with pytest.raises(DataError, match='cannot be read'):
        load(DataSpec(name='mine', path=str(path)))


def _header_only(path, shape):
    """An .npz whose X claims a shape and holds nothing."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {'descr': '|u1', 'fortran_order': False, 'shape': shape})
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('X.npy', head.getvalue())
        labels = io.BytesIO()
        np.save(labels, Y)
        archive.writestr('y.npy', labels.getvalue())


@pytest.mark.parametrize('shape', [
    (10**15,), (40, 10**5, 10**5, 10**3), (2**40, 2**40, 2**40), (2**64, 2**64)])
def test_a_header_that_claims_a_petabyte_is_refused(tmp_path, shape):
    _header_only(tmp_path / 'file.npz', shape)
    with pytest.raises(DataError, match=r'X claims \d+ bytes, in a file of') as caught:
        load(DataSpec(name='mine', path=str(tmp_path / 'file.npz')))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('keys, refused, accepted', [
    (('X_train', 'Y_train'), 'X_train', 'x_train'),
    (('trainX', 'trainY'), 'trainX', 'x_train'),
    (('train_images', 'train_labels', 'test_images', 'test_labels'), 'test_images',
     'x_test'),
    (('x_train', 'y_train', 'X_test', 'Y_test'), 'X_test', 'x_test'),
    (('x_train', 'y_train', 'test_x', 'test_y'), 'test_x', 'x_test'),
    (('x_train', 'y_train', 'x_valid', 'y_valid'), 'x_valid', 'x_val'),
    (('x_train', 'y_train', 'x_validation', 'y_validation'), 'x_validation', 'x_val'),
    (('x_train', 'y_train', 'dev_x', 'dev_y'), 'dev_x', 'x_val'),
    (('x_train', 'y_train', 'x_test', 'Y_Test'), 'Y_Test', 'y_test'),
    (('images', 'labels'), 'images', 'X'), (('x', 'y'), 'x', 'X'),
])
def test_names_that_are_nearly_accepted_are_refused(tmp_path, keys, refused, accepted):
    path = _save(tmp_path, **{key: (X, Y)[i % 2] for i, key in enumerate(keys)})
    with pytest.raises(DataError) as caught:
        load(DataSpec(name='mine', path=path))
    assert str(caught.value) == f'{path}: {refused} is not read; accepted: {accepted}'


def test_a_test_part_beside_unnamed_images_is_refused(tmp_path):
    path = _save(tmp_path, X=X, y=Y, x_test=X, y_test=Y)
    with pytest.raises(DataError, match='x_test stands beside X and y; accepted: x_tr'):
        load(DataSpec(name='mine', path=path))


def test_arrays_that_are_not_read_are_named(tmp_path):
    path = _save(tmp_path, x_train=X, y_train=Y, X=X, writer=Y, test_index=Y)
    notes = load(DataSpec(name='mine', path=path)).notes
    assert [note.split(';')[0] for note in notes] == [
        f'{path}: {key} is not read' for key in ('X', 'test_index', 'writer')]
    assert not load(DataSpec(name='all', path=_save(
        tmp_path, X=X, y=Y, classes=np.array(list('abcd'))))).notes
