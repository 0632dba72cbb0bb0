"""Images of the caller's own, with the checks and the splits of a file."""

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparse_jax.data.dataset import Dataset
from sparse_jax.data.loading import load
from sparse_jax.data.spec import DataSpec

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
    """Write arrays as an .npz file, which every launcher reads."""
    np.savez(path, allow_pickle=False, **{
        name: np.asarray(array) for name, array in arrays.items()})


def same(path: pathlib.Path, arrays: Mapping[str, ArrayLike]) -> bool:
    """Whether a file holds exactly these arrays."""
    with np.load(path, allow_pickle=False) as stored:
        return set(stored.files) == set(arrays) and all(
            np.array_equal(stored[name], np.asarray(array))
            for name, array in arrays.items())
