"""Images at another size: every pixel is the mean of the area that it covers.

Source: area averaging ("box" filter) as in image editors; a target pixel covers
H / h by W / w pixels of the source, those on its border in part.
"""

import numpy as np

from sparse_jax.data.errors import DataError
from sparse_jax.data.pool import Pool

_CHUNK = 256
"""Images per step; bounds the float64 copy that a step makes."""


def area_mean(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images whose pixels are means over equal areas of the given ones.

    The whole image is kept: where its proportions change it is stretched.

    Args:
      images: [N, H, W, C] uint8, or float32.
      size: (h, w) of the result.

    Returns:
      [N, h, w, C] of the same dtype. Means of bytes are exact, and rounded to the
      nearest byte, halves up; those of floats are computed in float64.

    Example:
      >>> image = np.array([[0, 4, 8], [2, 6, 10]], np.uint8)[None, :, :, None]
      >>> area_mean(image, (1, 2))[0, :, :, 0].tolist()
      [[2, 8]]
    """
    count, height, width, channels = images.shape
    rows, columns = (_shares(old, new) for old, new in zip((height, width), size))
    result = np.empty((count, *size, channels), images.dtype)
    area = height * width
    for start in range(0, count, _CHUNK):
        part = images[start:start + _CHUNK].astype(np.float64)
        # Sums of bytes by whole numbers: exact in float64, in any order.
        total = np.tensordot(rows, part, (1, 1))
        total = np.tensordot(columns, total, (1, 2)).transpose(2, 1, 0, 3)
        if images.dtype == np.uint8:
            total = (2 * total.astype(np.int64) + area) // (2 * area)
        else:
            total /= area
        result[start:start + _CHUNK] = total
    return result


def _shares(old: int, new: int) -> np.ndarray:
    """[new, old] by how much target cells cover source cells; rows sum to `old`."""
    source, target = np.arange(old) * new, np.arange(new) * old
    low = np.maximum(source[None], target[:, None])
    high = np.minimum(source[None] + new, target[:, None] + old)
    return np.maximum(high - low, 0).astype(np.float64)


def resized(pool: Pool, size: tuple[int, int] | None, where: str) -> Pool:
    """The pool with all of its images at a size; None for as they are.

    Raises:
      DataError: the images are smaller.
    """
    height, width = pool.images.shape[1:3]
    if size is None or size == (height, width):
        return pool
    if size[0] > height or size[1] > width:
        raise DataError(f'{where}: image_size={size} is larger than its images; '
                        f'accepted: up to ({height}, {width})')
    mean = lambda images: None if images is None else area_mean(images, size)
    return pool._replace(
        images=area_mean(pool.images, size), test_images=mean(pool.test_images),
        val_images=mean(pool.val_images))
