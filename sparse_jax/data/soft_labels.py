"""What a teacher says of the training images: a probability for every class.

Networks that learn these in place of the labels learn which images are hard and which
classes look alike (distillation: Hinton, Vinyals and Dean 2015).
"""

import dataclasses
import hashlib
import os
import pathlib
from typing import IO

import numpy as np

from sparse_jax.data import npz
from sparse_jax.data.dataset import Dataset, split_digest
from sparse_jax.data.errors import DataError

FILE = 'soft_labels.npz'
"""In the folder of a teacher."""
KEYS = ('images', 'probabilities')
"""Digest of the training images and labels; [N, K] float32, a row for each image."""
MADE = 'accepted: a file that launch.teach wrote'
CLOSE = 1e-3
"""What the sum of a row may differ from 1 by."""


def write(
    file: str | os.PathLike[str] | IO[bytes], probabilities: np.ndarray,
    dataset: Dataset,
) -> None:
    """Write soft labels of the training images of a data set.

    Args:
      file: an open one, or a name that ends in .npz.
      probabilities: [N, K].
      dataset: whose training images they are of.
    """
    np.savez(file, images=np.array(split_digest(dataset.train)),
             probabilities=probabilities.astype(np.float32))


def read(file: str | os.PathLike[str], dataset: Dataset) -> np.ndarray:
    """Soft labels of the training images of a data set.

    Returns:
      [N, K] float32; every row sums to 1.

    Raises:
      DataError: there is no such file, or it is of other images or classes.
    """
    path, where = pathlib.Path(file).expanduser(), f'soft_labels={os.fspath(file)!r}'
    if not path.is_file():
        raise DataError(f'{where}: there is no such file; {MADE}')
    with npz.opened(path, where, MADE) as archive:
        if missing := [key for key in KEYS if key not in archive.names]:
            raise DataError(f'{where}: holds no {missing[0]}; {MADE}')
        images, found = map(archive.array, KEYS)
    if str(images) != split_digest(dataset.train):
        raise DataError(f'{where}: its teacher saw other images or labels than the '
                        f'training part of {dataset.name!r}; accepted: one of the same '
                        'data settings')
    expected = (len(dataset.train.labels), dataset.num_classes)
    if found.shape != expected or not _are_probabilities(found):
        raise DataError(f'{where}: no probabilities of {expected[0]} images and '
                        f'{expected[1]} classes; {MADE}')
    return found.astype(np.float32)


def attached(dataset: Dataset, file: str) -> Dataset:
    """The data set with the soft labels of a file; as it is where the name is ''.

    Raises:
      DataError: see `read`.
    """
    if not file:
        return dataset
    return dataclasses.replace(dataset, soft_labels=read(file, dataset))


def digest(probabilities: np.ndarray) -> str:
    """Changes with every soft label."""
    return hashlib.sha256(np.ascontiguousarray(probabilities).data).hexdigest()


def _are_probabilities(found: np.ndarray) -> bool:
    if not np.issubdtype(found.dtype, np.floating) or not np.isfinite(found).all():
        return False
    return bool((found >= 0).all() and (abs(found.sum(1) - 1) < CLOSE).all())
