"""The parts that a spec gives: sizes, rows, determinism, no leak."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sparse_jax.data import DataError, DataSpec, load, load_test
from sparse_jax.data.dataset import missing_text
from sparse_jax.data.loading import _parts

DIGITS = load_digits()


def _parts_of(spec):
    data = load(spec)
    return data.train, data.validation, load_test(spec)


def _rows(split):
    return {image.tobytes() for image in split.images}


def test_digits_have_the_documented_sizes_and_values():
    data = load(DataSpec())
    parts = _parts_of(DataSpec())
    assert [len(p.labels) for p in parts] == [1197, 300, 300]
    assert data.input_shape == (8, 8, 1) and data.num_classes == 10
    assert data.train.images.dtype == np.uint8 and data.train.labels.dtype == np.int32
    assert data.train.images.max() == 16
    # Row 0 of scikit-learn's copy is this zero; find it and its label in the parts.
    first = np.uint8([0, 0, 5, 13, 9, 1, 0, 0])
    hits = [(p.labels[i]) for p in parts for i in range(len(p.labels))
            if (p.images[i, ..., 0] == DIGITS.images[0]).all()]
    np.testing.assert_array_equal(DIGITS.images[0][0], first)
    assert hits == [0]


def test_digits_parts_are_disjoint_and_complete():
    train, validation, test = map(_rows, _parts_of(DataSpec()))
    assert len(train) + len(validation) + len(test) == 1797  # no image occurs twice
    assert not (train & validation or train & test or validation & test)
    assert train | validation | test == {
        image.astype(np.uint8).tobytes() for image in DIGITS.images}


def test_equal_specs_give_equal_parts_without_the_cache():
    first = _parts_of(DataSpec(seed=5))
    _parts.cache_clear()
    for a, b in zip(first, _parts_of(DataSpec(seed=5))):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.labels, b.labels)
    assert _rows(load(DataSpec(seed=6)).validation) != _rows(first[1])


def test_max_train_shortens_the_train_part_alone():
    full, short = _parts_of(DataSpec()), _parts_of(DataSpec(max_train=100))
    np.testing.assert_array_equal(short[0].images, full[0].images[:100])
    for a, b in zip(full[1:], short[1:]):
        np.testing.assert_array_equal(a.images, b.images)
    assert load(DataSpec(max_train=100)).mean == short[0].images.mean()


def test_statistics_come_from_the_train_part_alone():
    data = load(DataSpec())
    np.testing.assert_allclose(
        [data.mean, data.std], [data.train.images.mean(), data.train.images.std()])


def test_nothing_of_a_dataset_leads_to_the_test_part():
    spec = DataSpec()
    data, test = load(spec), load_test(spec)
    for array in (*data.train, *data.validation):
        assert array.base is None or array.base.size == array.size
        assert not np.shares_memory(array, test.images)


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match='read-only'):
        load(DataSpec()).train.images[0] = 0
    with pytest.raises(ValueError, match='read-only'):
        load_test(DataSpec()).labels[0] = 0


@pytest.mark.parametrize('name', ['digits', 'synthetic'])
def test_groupings_keep_the_images(name):
    plain, binary = load(DataSpec(name=name)), load(DataSpec(name=f'{name}_binary'))
    np.testing.assert_array_equal(plain.train.images, binary.train.images)
    np.testing.assert_array_equal(
        plain.train.labels >= plain.num_classes // 2, binary.train.labels)
    assert (binary.name, binary.num_classes) == (f'{name}_binary', 2)
    assert binary.mean == plain.mean


@pytest.mark.parametrize('spec, message', [
    (DataSpec(path='x.npz'), "'digits' needs no files"),
    (DataSpec(name='mine', path='/does/not/exist.npz'), 'does not exist'),
    (DataSpec(name='mnist', path='/does/not/exist'), 'does not exist'),
    (DataSpec(name='mine', path=__file__), 'is a file; accepted: an .npz'),
    (DataSpec(validation_size=1700), 'no empty part'),
    (DataSpec(max_train=1), 'single class'),
    (DataSpec(classes='0-4/5-8'), r'classes \[9\] are in no group'),
])
def test_specs_that_lead_nowhere(spec, message):
    with pytest.raises(DataError, match=message) as caught:
        load(spec)
    assert '\n' not in str(caught.value) and 'accepted' in str(caught.value)


def test_tfds_is_not_imported_unless_needed():
    code = ('import sys; from sparse_jax import data; data.load(data.DataSpec()); '
            'sys.exit("tensorflow_datasets" in sys.modules)')
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


@pytest.mark.parametrize('path, message', [
    ('a' * 300 + '.npz', 'File name too long'), ('b' * 5000, 'File name too long'),
    ('c/' * 2500, 'File name too long'), ('~nosuchuser/x.npz', "no user 'nosuchuser'"),
    ('gs://bucket/x.npz', 'on another machine'), ('x\0y', 'a zero byte')])
def test_paths_that_no_file_can_have(path, message):
    with pytest.raises(DataError, match=message) as caught:
        load(DataSpec(name='mine', path=path))
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize('names', [
    ('0.png',), ('images.npz',), ('images.npy',), ('emnist-train-images-idx3-ubyte',),
    ('readme.txt',)])
def test_a_folder_of_something_else_names_what_is_in_it(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    with pytest.raises(DataError, match='accepted: an .npz or .csv file, or') as caught:
        load(DataSpec(name='mine', path=str(tmp_path)))
    text = str(caught.value)
    assert names[0] in text and 'TensorFlow' not in text and '\n' not in text


def _rare(folder):
    """60 images, three of them of class 'rare', as .npy files; and as .npz."""
    images = np.arange(60 * 9, dtype=np.uint16).reshape(60, 3, 3).astype(np.uint8)
    labels = np.repeat(['usual', 'rare'], [57, 3])
    folder.mkdir()
    np.save(folder / 'images.npy', images)
    np.save(folder / 'labels.npy', labels)
    np.savez(folder.with_suffix('.npz'), x_train=images, y_train=labels)
    return str(folder), str(folder.with_suffix('.npz'))


def test_a_class_is_in_all_parts_of_a_small_folder(tmp_path):
    folder, file = _rare(tmp_path / 'rare')
    for path, split in ((folder, 'auto'), (file, 'auto'), (file, 'stratified')):
        spec = DataSpec('mine', path, split=split)
        dataset = load(spec)
        assert not any('image of class' in note for note in dataset.notes)
        for part in (dataset.train, dataset.validation, load_test(spec)):
            assert np.bincount(part.labels)[0] == 1
    spec = DataSpec('mine', folder, split='random', seed=2)
    assert load(spec).notes[-1] == 'no validation image of class rare'
    with pytest.raises(DataError, match="split='half': accepted: auto, stratified"):
        DataSpec('mine', folder, split='half')


def test_classes_that_are_in_no_part_are_named():
    names = tuple('abcdefgh')
    assert missing_text('test', np.array([0, 1]), names[:3]) == (
        'no test image of class c')
    assert missing_text('training', np.array([7]), names) == (
        'no training image of classes a, b, c, d, e and 2 more')
    assert missing_text('test', np.arange(3), names[:3]) == ''
