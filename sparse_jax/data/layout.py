"""Which axis of a file's images holds the channels."""

from collections.abc import Sequence

import numpy as np

from sparse_jax.data.errors import DataError

LAYOUTS = ('NHWC', 'NCHW')
_USUAL = 4
"""Channels that pictures have: grey, two sensors, RGB, RGBA."""


def find(shape: Sequence[int], where: str) -> str:
    """Returns which of `LAYOUTS` an array of images has, by its sizes alone.

    A reading is possible if the images have 2x2 pixels or more, and at most four
    channels or fewer than either side. Where both readings are, the one with square
    images counts. Many channels (of a multispectral camera) in front are believed
    with square images only.

    Args:
      shape: [N, A, B, C] of the images.
      where: the file, which begins the message.

    Raises:
      DataError: the sizes fit both readings or neither.
    """
    _, a, b, c = shape
    last, first = _possible(a, b, c), _possible(b, c, a)
    if last and first and (a == b) != (b == c):
        last, first = a == b, b == c
    if first and not last and a > _USUAL and b != c:
        first = False
    if last == first:
        raise DataError(
            f'{where}: images of shape {tuple(shape)} may be [N, H, W, C] or '
            "[N, C, H, W]; accepted: an array layout with the text 'NHWC' or 'NCHW' "
            'beside them')
    return LAYOUTS[0] if last else LAYOUTS[1]


def to_last(images: np.ndarray, layout: str) -> np.ndarray:
    """Returns [N, H, W, C] of four-dimensional images in a layout; others as they are.
    """
    if layout == LAYOUTS[1] and images.ndim == 4:
        return images.transpose(0, 2, 3, 1)
    return images


def _possible(height: int, width: int, channels: int) -> bool:
    side = min(height, width)
    return side >= 2 and 1 <= channels and (channels <= _USUAL or channels < side)
