"""Images of the caller's own, with the checks and the splits of a file."""

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparse_jax.data.dataset import Dataset
from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.loading import load
from sparse_jax.data.named_arrays import ACCEPTED
from sparse_jax.data.spec import DataSpec
from sparse_jax.replacing import replacing

FILE = 'data.npz'
"""What a file of somebody's arrays is called."""


def dataset(arrays: Mapping[str, ArrayLike], name: str = 'own', **spec: Any) -> Dataset:
    """Training and validation images of the caller's own.

    Args:
      arrays: `x_train` [N, H, W] or [N, H, W, C] and `y_train` [N]; optionally the
        same as `x_val`, `y_val`, `x_test`, `y_test`; `classes`, K names. Parts that
        are missing are drawn from the training images, as those of a file are.
      name: of the data set, for messages.
      **spec: further fields of `DataSpec`: `classes`, `validation_size`, `test_size`,
        `split`, `max_train`, `seed`, `image_size`, `channels`, `class_names`.

    Returns:
      The data set without its test part, which a search never sees.

    Raises:
      DataError: the arrays are no labelled images; one line.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> mine = dataset({'x_train': rng.integers(0, 256, (200, 12, 12), np.uint8),
      ...                 'y_train': rng.integers(0, 3, 200),
      ...                 'classes': ['left', 'right', 'none']}, name='arrows')
      >>> mine.input_shape, mine.class_names, len(mine.train.labels)
      ((12, 12, 1), ('left', 'right', 'none'), 140)
    """
    with tempfile.TemporaryDirectory(prefix='sparse_jax_') as folder:
        path = pathlib.Path(folder) / FILE
        write(path, arrays)
        return load(DataSpec(name=name, path=str(path), **spec))


def write(path: pathlib.Path, arrays: Mapping[str, ArrayLike]) -> None:
    """Write arrays as an .npz file, which every launcher reads: all of it or nothing.

    Raises:
      DataError: one is no array of numbers or texts.
    """
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **plain)


def _plain(name: str, array: ArrayLike) -> np.ndarray:
    """Texts that are objects, as pandas has them, become texts."""
    if name in ('file', 'allow_pickle'):
        raise DataError(f'{name} is not read; {ACCEPTED}')
    try:
        found = np.asarray(array)
    except ValueError as error:
        raise DataError(f'{name}: {brief(error)}; {ACCEPTED}') from error
    if found.dtype.kind == 'O' and all(isinstance(v, str) for v in found.ravel()):
        found = found.astype(str)
    if found.dtype.kind == 'O':
        raise DataError(f'{name}: objects of Python; accepted: numbers or texts')
    return found


def same(path: pathlib.Path, arrays: Mapping[str, ArrayLike]) -> bool:
    """Whether a file holds exactly these arrays; one that is damaged does not.

    Raises:
      DataError: one is no array of numbers or texts.
    """
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    try:
        with np.load(path, allow_pickle=False) as stored:
            return set(stored.files) == set(plain) and all(
                np.array_equal(stored[name], array) for name, array in plain.items())
    # What a damaged archive raises depends on which of its bytes is wrong.
    except Exception:
        return False
