"""A data set as its source gives it, checked once: dtypes, shapes, values, labels."""

from typing import NamedTuple

import numpy as np

from sparse_jax.data.channels import to_channels
from sparse_jax.data.errors import DataError
from sparse_jax.data.labels import classes


class Pool(NamedTuple):
    """All images of a source. Internal: it holds the test part too."""

    images: np.ndarray
    """[N, H, W, C] (or [N, H, W] before `check`)."""
    labels: np.ndarray
    """[N] integer; before `check` anything that `labels.classes` accepts."""
    test_images: np.ndarray | None = None
    """[M, H, W, C], the official test set; None where there is none."""
    test_labels: np.ndarray | None = None
    val_images: np.ndarray | None = None
    """[V, H, W, C], a validation set that the source itself keeps apart, or None."""
    val_labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    """K names; None where the source has none."""
    notes: tuple[str, ...] = ()
    """What was ignored or mapped while reading, one line each."""
    resized_from: tuple[int, int] | None = None
    """(H, W) that most of the source's images had, where reading resized them."""
    by_class: bool = False
    """Whether its parts are drawn class by class if nobody says otherwise."""


def check(pool: Pool, where: str) -> Pool:
    """Returns the pool with images as `Split` wants them, labels int32, names known.

    Raises `DataError`, beginning with `where`, for arrays that are no labelled images.
    """
    images = check_images(pool.images, where)
    parts: list[tuple[str, np.ndarray | None, np.ndarray | None]] = [
        (where, images, pool.labels)]
    for name, some, labels in (('test', pool.test_images, pool.test_labels),
                               ('validation', pool.val_images, pool.val_labels)):
        here = f'{where} ({name})'
        some = None if some is None else _check_part(some, images, where, name)
        parts.append((here, some, labels))
    for here, some, labels in parts:
        if some is not None and labels is not None and labels.ndim and (
                len(labels) != len(some)):
            raise DataError(f'{here}: {len(labels)} labels for {len(some)} images; '
                            'accepted: one label for each image')
    found = classes([(here, labels) for here, _, labels in parts], pool.class_names)
    train, test, validation = found.parts
    assert train is not None
    return Pool(images, train, parts[1][1], test, parts[2][1], validation, found.names,
                pool.notes + found.notes, pool.resized_from, pool.by_class)


def with_channels(pool: Pool, channels: int, where: str) -> Pool:
    """Returns the checked pool with images of 1 or 3 channels, 0 for as they are.

    Raises `DataError`, beginning with `where`, for images of other channels.
    """
    convert = lambda images: None if images is None else to_channels(
        images, channels, where)
    return pool._replace(
        images=to_channels(pool.images, channels, where),
        test_images=convert(pool.test_images), val_images=convert(pool.val_images))


def _check_part(
    images: np.ndarray, training: np.ndarray, where: str, name: str,
) -> np.ndarray:
    """The images of a part that the source keeps apart, as the training images are."""
    images = check_images(images, f'{where} ({name})')
    if (images.shape[1:], images.dtype) != (training.shape[1:], training.dtype):
        raise DataError(
            f'{where}: {name} images are {images.dtype} {images.shape[1:]}; accepted: '
            f'as the training images, {training.dtype} {training.shape[1:]}')
    return images


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
