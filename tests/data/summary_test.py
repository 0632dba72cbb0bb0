"""A data set in numbers and as a sheet of samples, against what was put in."""

import numpy as np
import pytest

from sparse_jax.data import DataSpec, load
from sparse_jax.data.sheet import sheet
from sparse_jax.data.summary import Repeated, summary

RNG = np.random.default_rng(2)


def _set(tmp_path, **change):
    """A set of three parts, all images different."""
    images = RNG.permutation(4 * 90).reshape(90, 2, 2)
    arrays = {'x_train': images[:60] / 4, 'y_train': np.arange(60) % 5 // 2,
              'x_val': images[60:80] / 4, 'y_val': np.arange(20) % 3,
              'x_test': images[80:] / 4, 'y_test': np.arange(10) % 3,
              'classes': np.array(['a', 'b', 'c'])}
    for name, function in change.items():
        arrays[name] = function(arrays)
    np.savez(tmp_path / 'a.npz', **arrays)
    return DataSpec('mine', str(tmp_path / 'a.npz')), arrays


def test_a_clean_set(tmp_path):
    spec, arrays = _set(tmp_path)
    found = summary(spec)
    assert (found.name, found.shape, found.dtype) == ('mine', (2, 2, 1), 'float32')
    assert found.counts == {'train': (24, 24, 12), 'validation': (7, 7, 6),
                            'test': (4, 3, 3)}
    assert (found.guess, found.guess_error) == ('a', 13 / 20)
    assert found.repeated == () and found.contradictions == 0
    x = arrays['x_train']
    assert [found.mean, found.std, found.lowest, found.highest] == pytest.approx(
        [x.mean(), x.std(), x.min(), x.max()], 1e-6)


def test_images_that_are_repeated(tmp_path):
    def double(arrays):
        x = arrays['x_train'].copy()
        x[[5, 6]] = x[0]  # of classes 0, 0 and 0
        x[7] = x[2]  # of classes 1 and 1
        return x
    def leak(part, rows):
        return lambda arrays: np.concatenate(
            [arrays['x_train'][rows], arrays[part][len(rows):]])
    spec, _ = _set(tmp_path, x_train=double, x_val=leak('x_val', [1, 2, 3]),
                   x_test=leak('x_test', [2]))
    found = summary(spec)
    # The first image of validation is of class 0 twice, the second of classes 1 and 1,
    # the third of 1 and 2.
    assert set(found.repeated) == {
        Repeated('train', 'train', 3), Repeated('validation', 'train', 3),
        Repeated('test', 'train', 1), Repeated('test', 'validation', 1)}
    assert found.contradictions == 1


def test_labels_of_the_test_part_are_only_counted(tmp_path):
    spec, arrays = _set(tmp_path)
    first = summary(spec)
    order = RNG.permutation(10)
    (tmp_path / 'other').mkdir()
    arrays['y_test'] = arrays['y_test'][order]
    np.savez(tmp_path / 'other' / 'a.npz', **arrays)
    assert summary(DataSpec('mine', str(tmp_path / 'other' / 'a.npz'))) == first


def test_a_sheet_shows_each_class_in_its_row():
    dataset = load(DataSpec())
    picture = np.asarray(sheet(dataset, 3))
    # 8x8 pixels, six times enlarged, 4 pixels between.
    assert picture.shape[0] == 10 * 52 + 4
    left = picture.shape[1] - 3 * 52 - 4
    for label in (0, 7):
        image = dataset.train.images[np.flatnonzero(dataset.train.labels == label)[1]]
        cell = picture[4 + 52 * label:][:48, left + 52:][:, :48]
        expected = (255 * (image / np.float32(16))).astype(np.uint8)
        np.testing.assert_array_equal(cell[::6, ::6], expected.repeat(3, -1))


@pytest.mark.parametrize('shape', [(2, 500, 1), (300, 200, 3), (9, 9, 5)])
def test_a_sheet_of_any_images(shape, tmp_path):
    images = RNG.integers(0, 256, (30, *shape), dtype=np.uint8)
    np.savez(tmp_path / 'a.npz', X=images, y=np.arange(30) % 3, layout='NHWC',
             classes=np.array(['a' * 60, '\u4e00', 'c']))
    picture = sheet(load(DataSpec('mine', str(tmp_path / 'a.npz'))))
    assert picture.mode == 'RGB' and max(picture.size) < 3000
