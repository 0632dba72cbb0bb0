"""A folder with an .npy file for each array. Nothing is ever unpickled.

    images.npy, labels.npy
    train_images.npy, train_labels.npy, test_images.npy, test_labels.npy, ...

As in an .npz file, `classes` may have the names of the classes (classes.npy, or
classes.txt with one on each line) and `layout` the order of the axes.
"""

import pathlib

import numpy as np

from sparse_jax.data import named_arrays
from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.pool import Pool

_SUFFIX = '.npy'
_CLASSES = 'classes.txt'
_ACCEPTED = ('accepted: images.npy and labels.npy, or both with train_, test_ and val_ '
             'before their names, and optionally classes.npy or classes.txt')


def is_folder(folder: pathlib.Path) -> bool:
    """Whether a folder holds images and labels as .npy files."""
    return {named_arrays.meaning(path.stem)[0] for path in _files(folder)} >= {'x', 'y'}


def read_folder(folder: pathlib.Path) -> Pool:
    """Reads the arrays of a folder, by the names of `named_arrays.read` and others that
    mean the same.

    Raises:
      DataError: a file is damaged, holds objects (pickles), or has no partner; or two
        mean the same array.
    """
    parted = any(named_arrays.meaning(path.stem)[1] for path in _files(folder))
    found: dict[str, pathlib.Path] = {}
    for path in _files(folder):
        kind, part = named_arrays.meaning(path.stem)
        name = named_arrays.name_of(kind, part or ('train' if parted else ''))
        name = name or path.stem
        if name in found:
            raise DataError(f'{path}: stands beside {found[name].name}; accepted: one '
                            'file of these images or labels')
        found[name] = path
    if (folder / _CLASSES).is_file():
        found['classes'] = folder / _CLASSES
    return named_arrays.read(found, lambda name: _array(found[name]), folder,
                             _ACCEPTED)


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.glob(f'*{_SUFFIX}') if path.is_file())


def _array(path: pathlib.Path) -> np.ndarray:
    try:
        if path.name == _CLASSES:
            return np.array(path.read_text('utf-8-sig').rstrip().splitlines())
        # Mapped, as a header that claims more than the file has is refused so, before
        # any memory is taken.
        return np.array(np.load(path, mmap_mode='r', allow_pickle=False))
    # What a damaged file raises depends on which of its bytes is wrong.
    except Exception as error:
        raise DataError(f'{path}: cannot be read ({brief(error)}); accepted: an .npy '
                        'file of numbers or texts') from error
