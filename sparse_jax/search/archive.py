"""The record of a search: made empty, extended batch by batch, never changed."""

import numpy as np

from sparse_jax import status
from sparse_jax.types import Archive, Evaluation


def empty(dim: int, num_objectives: int) -> Archive:
    """An archive without evaluations, of points [D] with K objectives."""
    return Archive(
        np.zeros((0, dim)), np.zeros((0, num_objectives)), np.zeros(0, int))


def append(archive: Archive, x: np.ndarray, evaluation: Evaluation) -> Archive:
    """The archive with a batch of B more rows.

    The objectives of a trial that is not `status.OK` are recorded as NaN, and a trial
    that claims success with a NaN or infinite objective as `status.NONFINITE`.

    Args:
      archive: N rows.
      x: [B, D] the points.
      evaluation: what became of them.

    Returns:
      An archive of N + B rows, one round older.

    Raises:
      ValueError: points, objectives and statuses of different numbers.
    """
    x = np.asarray(x, np.float64)
    y = np.asarray(evaluation.objectives, np.float64)
    code = np.asarray(evaluation.status, int)
    if not len(x) == len(y) == len(code):
        raise ValueError(f'{len(x)} points, {len(y)} objectives, {len(code)} statuses')
    claimed = (code == status.OK) & ~np.isfinite(y).all(1)
    code = np.where(claimed, status.NONFINITE, code)
    y = np.where((code == status.OK)[:, None], y, np.nan)
    joined = [np.concatenate(pair) for pair in zip(archive[:3], (x, y, code))]
    return Archive(*joined, archive.rounds + 1)
