"""Grey or colour: images with another number of channels."""

import numpy as np

from sparse_jax.data.errors import DataError

CHANNELS = (0, 1, 3)
"""As they are, grey, colour."""
_LUMA = np.array([19595, 38470, 7471])
"""65536ths of red, green and blue in grey (ITU-R 601-2), the numbers of Pillow."""


def to_channels(images: np.ndarray, channels: int, where: str) -> np.ndarray:
    """Returns images [..., C] with 1 or 3 channels, 0 for as they are.

    Grey becomes three equal channels; colour becomes its luma, rounded to the nearest
    where pixels are bytes. Bytes stay bytes, floats stay float32.

    Raises:
      DataError: beginning with `where`, where C is neither 1 nor 3.
    """
    found = images.shape[-1]
    if channels in (0, found):
        return images
    if found not in (1, 3):
        raise DataError(f'{where}: images of {found} channels, and channels='
                        f'{channels}; accepted: channels=0, or images of 1 or 3')
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    if images.dtype == np.uint8:
        # Below 2**24: exact in float32, which is multiplied ten times as fast.
        grey = images.astype(np.float32) @ _LUMA.astype(np.float32) + np.float32(2**15)
        return (grey.astype(np.int32) >> 16).astype(np.uint8)[..., None]
    return (images @ (_LUMA / 2**16).astype(np.float32))[..., None]
