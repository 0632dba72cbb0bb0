"""Every kind of array that is no set of labelled images."""

import numpy as np
import pytest

from sparse_jax.data import DataError
from sparse_jax.data.pool import Pool, check

IMAGES = np.zeros((6, 4, 5, 2), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def test_grey_images_get_a_channel_and_labels_become_int32():
    pool = check(Pool(IMAGES[..., 0], LABELS.astype(np.uint8)), 'x')
    assert pool.images.shape == (6, 4, 5, 1) and pool.images.dtype == np.uint8
    assert pool.labels.dtype == np.int32 and pool.class_names == ('0', '1', '2')


@pytest.mark.parametrize('given, kept', [
    ('uint8', 'uint8'), ('int64', 'uint8'), ('bool', 'uint8'), ('uint16', 'uint8'),
    ('float64', 'float32'), ('float16', 'float32'), ('float32', 'float32')])
def test_pixels_keep_their_values(given, kept):
    images = np.arange(240).reshape(IMAGES.shape).astype(given)
    pool = check(Pool(images, LABELS), 'x')
    assert pool.images.dtype == kept
    np.testing.assert_array_equal(pool.images, images.astype(kept))


def _with(array, index, value):
    array = array.copy()
    array[index] = value
    return array


FLOATS = IMAGES.astype(np.float64)


@pytest.mark.parametrize('pool, message', [
    (Pool(IMAGES[0, 0], LABELS), r'images of shape \(5, 2\)'),
    (Pool(IMAGES[None], LABELS), 'images of shape'),
    (Pool(IMAGES[:, :0], LABELS), 'images of shape'),
    (Pool(IMAGES[:0], LABELS[:0]), '0 images'),
    (Pool(np.full(IMAGES.shape, 'a'), LABELS), 'dtype <U1'),
    (Pool(IMAGES.astype(int) + 256, LABELS), r'256 \.\. 256'),
    (Pool(IMAGES.astype(int) - 1, LABELS), r'-1 \.\. -1'),
    (Pool(_with(FLOATS, (0, 0, 0, 0), np.nan), LABELS), '1 pixels are NaN'),
    (Pool(_with(FLOATS, (1, 0), np.inf), LABELS), '10 pixels are NaN or infinite'),
    (Pool(_with(FLOATS, (1, 0), 1e300), LABELS), '10 pixels are NaN or infinite'),
    (Pool(IMAGES, LABELS[:, None, None]), r'labels of shape \(6, 1, 1\)'),
    (Pool(IMAGES, LABELS + 0.5), 'dtype float64'),
    (Pool(IMAGES, LABELS[:5]), '5 labels for 6 images'),
    (Pool(IMAGES, LABELS - 1), r'labels in -1 \.\. 1'),
    (Pool(IMAGES, LABELS + 2**32), 'labels in 4294967296'),
    (Pool(IMAGES, LABELS * 2), 'no image has the label 1'),
    (Pool(IMAGES, LABELS, class_names=('a', 'b')), r'label 2; accepted: 0 \.\. 1'),
    (Pool(IMAGES, LABELS, IMAGES[:, :3], LABELS), 'test images are uint8'),
    (Pool(IMAGES, LABELS, FLOATS, LABELS), 'test images are float32'),
    (Pool(IMAGES, LABELS, IMAGES, LABELS[:2]), r'x \(test\): 2 labels for 6'),
    (Pool(IMAGES, LABELS, IMAGES, LABELS + 1), r'label 3; accepted: 0 \.\. 2'),
    (Pool(IMAGES, LABELS, IMAGES[:0], LABELS[:0]), r'x \(test\): 0 images'),
])
def test_what_is_no_labelled_images_is_refused(pool, message):
    with pytest.raises(DataError, match=message) as caught:
        check(pool, 'x')
    text = str(caught.value)
    assert text.startswith('x') and 'accepted' in text and '\n' not in text
