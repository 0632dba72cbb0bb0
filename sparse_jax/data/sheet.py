"""A sheet of samples: one row of training images for every class, as a picture."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from sparse_jax.data.dataset import Dataset

_CELL = 48
_LARGEST = 160
"""Pixels of a sample: small images are enlarged to the first on their shorter side,
large ones thinned to the second on their longer one."""
_GAP, _TEXT = 4, 13
_ROWS = 40
"""Classes shown at most."""
_LETTERS = 17


def sheet(dataset: Dataset, samples: int = 12) -> PIL.Image.Image:
    """Draw the first training images of every class beside its name.

    Args:
      dataset: of which the train part is shown; of more than 40 classes the first.
      samples: images in a row, fewer where a class has no more.

    Returns:
      An RGB picture. Pixels are enlarged by a whole factor, none is blended; values
      that are no bytes are stretched from least to largest.
    """
    images, labels = dataset.train
    names = dataset.class_names[:_ROWS]
    height, width, _ = dataset.input_shape
    reduce = -(-max(height, width) // _LARGEST)
    high, wide = -(-height // reduce), -(-width // reduce)
    scale = max(1, min(_CELL // min(high, wide), _LARGEST // max(high, wide)))
    high, wide = high * scale, wide * scale
    font = PIL.ImageFont.load_default(_TEXT)
    start = 3 * _GAP + int(max(font.getlength(_short(name)) for name in names))
    page = PIL.Image.new('RGB', (
        start + samples * (wide + _GAP) + _GAP,
        len(names) * (high + _GAP) + _GAP), 'white')
    drawing = PIL.ImageDraw.Draw(page)
    low, top = float(images.min()), float(images.max())
    for row, name in enumerate(names):
        y = _GAP + row * (high + _GAP)
        drawing.text((_GAP, y + high // 2), _short(name), 'black', font, anchor='lm')
        for column, index in enumerate(np.flatnonzero(labels == row)[:samples]):
            image = _bytes(images[index, ::reduce, ::reduce], low, top)
            cell = PIL.Image.fromarray(image.repeat(scale, 0).repeat(scale, 1))
            page.paste(cell, (start + column * (wide + _GAP), y))
    return page


def _bytes(image: np.ndarray, low: float, top: float) -> np.ndarray:
    """[H, W, 3] uint8; small bytes, as 0 .. 16, are stretched too."""
    if image.dtype != np.uint8 or top < 64:
        image = (255 * (image.astype(np.float32) - low) / (top - low)).astype(np.uint8)
    return image[..., :3] if image.shape[-1] >= 3 else image[..., :1].repeat(3, -1)


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f'{name[:_LETTERS - 1]}…'
