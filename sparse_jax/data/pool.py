"""A data set as its source gives it, checked once: dtypes, shapes, values, labels."""

from typing import NamedTuple

import numpy as np

from sparse_jax.data.errors import DataError


class Pool(NamedTuple):
    """All images of a source. Internal: it holds the test part too."""

    images: np.ndarray
    """[N, H, W, C] (or [N, H, W] before `check`)."""
    labels: np.ndarray
    """[N] integer."""
    test_images: np.ndarray | None = None
    """[M, H, W, C], the official test set; None where there is none."""
    test_labels: np.ndarray | None = None
    val_images: np.ndarray | None = None
    """[V, H, W, C], a validation set that the source itself keeps apart, or None."""
    val_labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    """K names; None where the source has none."""


def check(pool: Pool, where: str) -> Pool:
    """Returns the pool with images as `Split` wants them, labels int32, names known.

    Raises `DataError`, beginning with `where`, for arrays that are no labelled images.
    """
    images = check_images(pool.images, where)
    labels = _labels(pool.labels, len(images), where)
    test = _check_part(pool.test_images, pool.test_labels, images, where, 'test')
    val = _check_part(pool.val_images, pool.val_labels, images, where, 'validation')
    names = pool.class_names or _count_classes(labels, where)
    for part in (labels, test[1], val[1]):
        if part is not None and part.max() >= len(names):
            raise DataError(
                f'{where}: label {part.max()}; accepted: 0 .. {len(names) - 1}')
    return Pool(images, labels, *test, *val, names)


def _check_part(images, labels, training, where, name):
    """(images, labels) of a part that the source keeps apart, or (None, None)."""
    if images is None:
        return None, None
    images = check_images(images, f'{where} ({name})')
    labels = _labels(labels, len(images), f'{where} ({name})')
    if (images.shape[1:], images.dtype) != (training.shape[1:], training.dtype):
        raise DataError(
            f'{where}: {name} images are {images.dtype} {images.shape[1:]}; accepted: '
            f'as the training images, {training.dtype} {training.shape[1:]}')
    return images, labels


def check_images(images: np.ndarray, where: str) -> np.ndarray:
    """Returns [N, H, W, C] uint8, or float32 where the pixels are floats."""
    shape = images.shape
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in shape[1:]:
        raise DataError(f'{where}: images of shape {shape}; accepted: [N, H, W] or '
                        '[N, H, W, C]')
    if not len(images):
        raise DataError(f'{where}: 0 images; accepted: at least one')
    if shape[1] in (1, 3) and images.ndim == len(shape) and shape[2] == shape[3] > 4:
        raise DataError(f'{where}: images of shape {shape} look channels-first; '
                        'accepted: [N, H, W, C]')
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind in 'biu':
        low, high = int(images.min()), int(images.max())
        if low < 0 or high > 255:
            raise DataError(f'{where}: integer pixels in {low} .. {high}; accepted: '
                            '0 .. 255, or float pixels')
        return images.astype(np.uint8)
    if images.dtype.kind != 'f':
        raise DataError(f'{where}: images of dtype {images.dtype}; accepted: integer '
                        'or float')
    # Values beyond float32 become infinite here and are refused below.
    with np.errstate(over='ignore'):
        images = images.astype(np.float32)
    bad = int(np.count_nonzero(~np.isfinite(images)))
    if bad:
        raise DataError(f'{where}: {bad} pixels are NaN or infinite; accepted: finite')
    return images


def _labels(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    if labels.ndim != 1 or labels.dtype.kind not in 'iu':
        raise DataError(f'{where}: labels of shape {labels.shape}, dtype '
                        f'{labels.dtype}; accepted: [N] integer')
    if len(labels) != count:
        raise DataError(f'{where}: {len(labels)} labels for {count} images; accepted: '
                        'one label for each image')
    # Compared before the cast: int32 would wrap a large label into a valid one.
    if labels.min() < 0 or labels.max() > 65535:
        raise DataError(f'{where}: labels in {labels.min()} .. {labels.max()}; '
                        'accepted: 0 .. number of classes - 1')
    return labels.astype(np.int32)


def _count_classes(labels: np.ndarray, where: str) -> tuple[str, ...]:
    num = int(labels.max()) + 1
    missing = np.flatnonzero(np.bincount(labels, minlength=num) == 0)
    if len(missing):
        raise DataError(
            f'{where}: no image has the label {missing[0]} although labels go up to '
            f'{num - 1}; accepted: 0 .. K-1 each present (or an array of class names)')
    return tuple(str(i) for i in range(num))
