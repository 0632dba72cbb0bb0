"""MNIST-style idx files, plain or gzip: one file, or a folder with official names.

Some tools that unpack write a dot for the first hyphen of the kind, as in
train-images.idx3-ubyte; both spellings are official here.
"""

import gzip
import pathlib
import zlib

import numpy as np

from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.pool import Pool

IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049

TRAIN_FILES = ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte')
TEST_FILES = ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte')


def is_folder(folder: pathlib.Path) -> bool:
    """Whether the folder holds any file with an official name."""
    return any(_find(folder, name) for name in TRAIN_FILES + TEST_FILES)


def read_folder(folder: pathlib.Path) -> Pool:
    """Reads a folder; the t10k pair may be absent, then there is no official test set.

    Raises `DataError` for a file of a pair that is missing, and as `read` does.
    """
    parts = [_need(folder, name) for name in TRAIN_FILES]
    if any(_find(folder, name) for name in TEST_FILES):
        parts += [_need(folder, name) for name in TEST_FILES]
    kinds = (IMAGES_MAGIC, LABELS_MAGIC, IMAGES_MAGIC, LABELS_MAGIC)
    arrays = [read(path, magic) for path, magic in zip(parts, kinds)]
    test = arrays[2:] or (None, None)
    return Pool(arrays[0], arrays[1], test[0], test[1])


def read(path: pathlib.Path, magic: int) -> np.ndarray:
    """Returns the bytes of one file, uint8 [N, H, W] or, for labels, [N].

    Args:
      path: the file; gzip is recognised by content, not by name.
      magic: `IMAGES_MAGIC` or `LABELS_MAGIC`, the number that the file has to start
        with. It is followed by one big-endian 32-bit size for each dimension.

    Raises `DataError` for an unreadable, wrong, truncated or too long file.
    """
    data = _content(path)
    dims = 3 if magic == IMAGES_MAGIC else 1
    offset = 4 + 4 * dims
    if len(data) < offset:
        raise DataError(
            f'{path}: found {len(data)} bytes, expected at least {offset} of header')
    header = np.frombuffer(data, '>u4', 1 + dims).tolist()
    if header[0] != magic:
        raise DataError(f'{path}: magic number {header[0]}; accepted: {magic}')
    if 0 in header[1:]:
        raise DataError(f'{path}: sizes {header[1:]} in its header; accepted: at least '
                        'one image of one pixel')
    # In Python's integers: a forged header must not overflow into the right size.
    expected = offset
    count = 1
    for size in header[1:]:
        count *= size
    expected += count
    if len(data) != expected:
        raise DataError(f'{path}: found {len(data)} bytes, expected {expected} for the '
                        f'sizes {header[1:]} in its header')
    return np.frombuffer(data, np.uint8, offset=offset).reshape(header[1:])


def _content(path: pathlib.Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b'\x1f\x8b' else data
    except (EOFError, zlib.error, gzip.BadGzipFile, MemoryError) as error:
        raise DataError(f'{path}: corrupt or truncated gzip ({brief(error)}); '
                        'accepted: an idx file, plain or gzip') from error
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({brief(error)}); accepted: an idx '
                        'file, plain or gzip') from error


def _find(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    spellings = (name, name.replace('-idx', '.idx'))
    found = [path for spelling in spellings
             for path in (folder / spelling, folder / f'{spelling}.gz')
             if path.is_file()]
    return found[0] if found else None


def _need(folder: pathlib.Path, name: str) -> pathlib.Path:
    path = _find(folder, name)
    if path is None:
        raise DataError(f'{folder}: {name}[.gz] is missing; accepted: a folder with '
                        f'{", ".join(TRAIN_FILES)} and both or none of '
                        f'{", ".join(TEST_FILES)}')
    return path
