"""Labels of every kind that files have, against classes written by hand."""

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test
from sparse_jax.data.labels import classes

BASE = np.array([2, 0, 1, 2, 0, 1])


@pytest.mark.parametrize('given, expected, names, note', [
    (BASE, BASE, ('0', '1', '2'), ''),
    (BASE.astype(np.uint64), BASE, ('0', '1', '2'), ''),
    (BASE + 1, BASE, ('1', '2', '3'), 'labels 1, 2, 3 are read as classes 0 .. 2'),
    (np.array([1, -1, -1]), [1, 0, 0], ('-1', '1'),
     'labels -1, 1 are read as classes 0 .. 1'),
    (np.array(['cat', 'ant', 'bee']), [2, 0, 1], ('ant', 'bee', 'cat'),
     'labels ant, bee, cat are read as classes 0 .. 2 in this order'),
    (np.array([b'10', b'9', b'2']), [2, 1, 0], ('2', '9', '10'), 'labels 2, 9, 10 '),
    (np.array([b'\xfe', b'\xff', b'c']), [0, 1, 2], ('\\xfe', '\\xff', 'c'), 'labels '),
    (np.eye(3)[BASE], BASE, ('0', '1', '2'), 'one-hot labels of shape (6, 3)'),
    (np.eye(3, dtype=bool)[BASE], BASE, ('0', '1', '2'), 'one-hot'),
    (BASE[:, None], BASE, ('0', '1', '2'), 'labels of shape (6, 1) are read as (6,)'),
    (BASE[:, None] + 1.0, BASE, ('1', '2', '3'), 'dtype float64 are read as whole'),
    (BASE == 2, [1, 0, 0, 1, 0, 0], ('0', '1'), 'labels False, True'),
])
def test_labels_without_names(given, expected, names, note):
    found = classes([('x', given), ('x (test)', None)], None)
    np.testing.assert_array_equal(found.parts[0], expected)
    assert found.parts[0].dtype == np.int32 and found.parts[1] is None
    assert found.names == names
    assert (note in '; '.join(found.notes)) and bool(note) == bool(found.notes)


def test_names_decide_the_order_of_texts_and_the_base_of_numbers():
    texts = np.array(['bee', 'ant', 'bee'])
    found = classes([('x', texts), ('t', texts[:1])], ('cat', 'bee', 'ant'))
    assert [part.tolist() for part in found.parts] == [[1, 2, 1], [1]]
    assert found.names == ('cat', 'bee', 'ant') and not found.notes
    # Three names and labels 1 .. 2: class 0 has no image; labels 1 .. 3 count from 1.
    assert classes([('x', np.array([1, 2]))], ('a', 'b', 'c')).parts[0].tolist() == [
        1, 2]
    assert classes([('x', np.array([3, 1, 2]))], ('a', 'b', 'c')).parts[0].tolist() == [
        2, 0, 1]


def test_all_parts_are_mapped_alike():
    train, test = np.array([1, 2, 3]), np.array([3, 3])
    found = classes([('x', train), ('t', test)], None)
    assert [part.tolist() for part in found.parts] == [[0, 1, 2], [2, 2]]
    # A zero in the test part: then the training part lacks a class.
    with pytest.raises(DataError, match='no image has the label 0'):
        classes([('x', train), ('t', np.array([0, 3]))], None)


@pytest.mark.parametrize('parts, names, message', [
    ([np.array(['a', 'b']), np.array(['c'])], None, r"t: label 'c'; accepted: a, b"),
    ([np.array(['a', 'b']), np.array([0])], None, 'texts in one part'),
    ([np.array([0, 3])], None, 'no image has the label 1'),
    ([np.array([0, -1, 1])], None, r'labels in -1 \.\. 1'),
    ([np.array([0.0, np.nan])], None, 'dtype float64'),
    ([np.array([[1, 1], [0, 1]])], None, r'labels of shape \(2, 2\)'),
    ([np.array(3)], None, r'labels of shape \(\)'),
    ([np.array([0, 1]), np.array([2])], ('a', 'b'), r't: label 2; accepted: 0 \.\. 1'),
])
def test_other_labels_are_refused(parts, names, message):
    with pytest.raises(DataError, match=message) as caught:
        classes(list(zip('xt', parts)), names)
    assert '\n' not in str(caught.value) and 'accepted' in str(caught.value)


def test_the_mapping_reaches_the_data_set(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 5), dtype=np.uint8)
    np.savez(tmp_path / 'file.npz', X=images, y=np.arange(40) % 4 + 1)
    spec = DataSpec(name='mine', path=str(tmp_path / 'file.npz'))
    dataset = load(spec)
    assert dataset.class_names == ('1', '2', '3', '4')
    assert set(dataset.train.labels) | set(load_test(spec).labels) == {0, 1, 2, 3}
    assert dataset.notes == (
        f'{spec.path}: labels 1, 2, 3, 4 are read as classes 0 .. 3',)
