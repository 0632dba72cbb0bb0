"""Which classes are taken for which: confusion matrix, recall, balanced error."""

import numpy as np
from numpy.typing import ArrayLike


def confusion(labels: ArrayLike, predictions: ArrayLike, classes: int) -> np.ndarray:
    """How often each class is taken for each.

    Args:
      labels: [N] true classes, 0 .. classes - 1.
      predictions: [N] predicted classes, likewise.
      classes: K.

    Returns:
      [K, K] int64; row: the true class, column: the predicted one.

    Raises:
      ValueError: the lengths differ, or a class is none of the K.

    Example:
      >>> confusion([0, 0, 1, 2], [0, 1, 1, 2], 3).tolist()
      [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    """
    true, said = np.asarray(labels), np.asarray(predictions)
    if true.shape != said.shape or true.ndim != 1:
        raise ValueError(f'labels {true.shape}, predictions {said.shape}; allowed: [N] '
                         'both')
    if true.size and not 0 <= min(true.min(), said.min()) <= max(
            true.max(), said.max()) < classes:
        raise ValueError(f'classes {true.min()} .. {true.max()} taken for {said.min()} '
                         f'.. {said.max()}; allowed: 0 .. {classes - 1}')
    pairs = true.astype(np.int64) * classes + said.astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def recalls(matrix: np.ndarray) -> np.ndarray:
    """[K] share of the images of each class that are taken for it; NaN for a class
    without images."""
    images = matrix.sum(axis=1)
    return np.divide(np.diag(matrix), images, out=np.full(len(matrix), np.nan),
                     where=images > 0)


def balanced_error(matrix: np.ndarray) -> float:
    """1 - the mean recall of the classes that have images: every class weighs as much,
    however many images it has. A guess without looking has 1 - 1 / K."""
    return float(1.0 - np.nanmean(recalls(matrix)))


def error_of(
    labels: ArrayLike, predictions: ArrayLike, classes: int, *, balanced: bool = False,
) -> float:
    """Share of wrong predictions, or their balanced error.

    Raises:
      ValueError: as `confusion`.
    """
    matrix = confusion(labels, predictions, classes)
    if balanced:
        return balanced_error(matrix)
    return 1.0 - float(np.trace(matrix) / matrix.sum())
