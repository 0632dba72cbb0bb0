"""One picture file as pixels, through Pillow; only PNG, JPEG and BMP are opened."""

import contextlib
import pathlib
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps

from sparse_jax.data.errors import DataError, brief

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp')
OTHER_SUFFIXES = ('.gif', '.tif', '.tiff', '.webp', '.pgm', '.ppm', '.pbm', '.heic',
                  '.avif', '.jp2', '.tga', '.svg')
"""Of pictures that are not read."""
_FORMATS = ('PNG', 'JPEG', 'BMP')
_MOST_PIXELS = 2**26
_ORIENTATION = 0x0112
"""EXIF tag; 5 to 8 turn a picture by 90 degrees."""
_PNG_DEPTH = 24
"""Byte of a PNG file that has the bits of a sample."""
_ACCEPTED = 'accepted: PNG, JPEG or BMP'


class Header(NamedTuple):
    """What is known of a picture before its pixels are read."""

    height: int
    width: int
    colour: bool
    """Whether any of its pixels may be other than grey."""


def header(path: pathlib.Path) -> Header:
    """Size and colour of a picture, turned as its EXIF orientation says.

    Raises:
      DataError: the file is no picture that can be read, with its name.
    """
    with _opened(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8):
            width, height = height, width
        return Header(height, width, _is_colour(image))


def pixels(path: pathlib.Path) -> np.ndarray:
    """The pixels of a picture: [H, W, 3] uint8, or [H, W, 1] where its header says
    that it is grey.

    A palette is looked up, and an alpha channel without transparent pixels dropped.

    Raises:
      DataError: the file is damaged, or some of it is transparent.
    """
    with _opened(path) as image:
        colour = _is_colour(image)
        image.load()
        turned = PIL.ImageOps.exif_transpose(image)
        if _has_alpha(turned):
            turned = turned.convert('RGBA')
            if turned.getchannel('A').getextrema()[0] != 255:
                raise DataError(f'{path}: has transparent pixels; accepted: opaque '
                                'pictures')
        array = np.array(turned.convert('RGB' if colour else 'L'), np.uint8)
    return array if colour else array[..., None]


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[PIL.Image.Image]:
    """A picture whose kind is accepted; its pixels are not read yet."""
    try:
        with warnings.catch_warnings():
            # What is too large is refused below, in one line.
            warnings.simplefilter('ignore', PIL.Image.DecompressionBombWarning)
            image = PIL.Image.open(path, formats=_FORMATS)
        with image:
            _check(image, path)
            yield image
    except DataError:
        raise
    # What a damaged file raises depends on its format and on which byte is wrong.
    except Exception as error:
        reason = 'no such picture in it' if isinstance(
            error, PIL.UnidentifiedImageError) else brief(error, 100)
        raise DataError(f'{path}: cannot be read as a picture ({reason}); {_ACCEPTED}'
                        ) from error


def _check(image: PIL.Image.Image, path: pathlib.Path) -> None:
    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise DataError(f'{path}: {height}x{width} pixels; accepted: up to '
                        f'{_MOST_PIXELS} in a picture')
    # Some telephones append further views to a JPEG: the first is the picture.
    if image.format == 'PNG' and getattr(image, 'n_frames', 1) > 1:
        raise DataError(f'{path}: is animated; accepted: pictures of one frame')
    if image.mode not in ('1', 'L', 'P', 'RGB', 'LA', 'PA', 'RGBA') or (
            image.format == 'PNG' and _png_depth(path) > 8):
        bits = '16 bits' if image.mode in ('I', 'I;16', 'I;16B', 'RGB') or (
            image.format == 'PNG') else f'mode {image.mode}'
        raise DataError(f'{path}: has pixels of {bits}; accepted: grey or RGB of 8 '
                        'bits')


def _png_depth(path: pathlib.Path) -> int:
    # Pillow drops the lower byte of colour without a word.
    with open(path, 'rb') as file:
        return file.read(_PNG_DEPTH + 1)[-1]


def _has_alpha(image: PIL.Image.Image) -> bool:
    return image.mode in ('LA', 'PA', 'RGBA') or 'transparency' in image.info


def _is_colour(image: PIL.Image.Image) -> bool:
    if image.mode in ('P', 'PA'):
        entries = np.array(image.getpalette() or [0, 0, 0]).reshape(-1, 3)
        return bool(np.ptp(entries, axis=1).any())
    return image.mode in ('RGB', 'RGBA')
