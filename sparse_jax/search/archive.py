"""The record of a search: made empty, extended batch by batch, never changed."""

import numpy as np

from sparse_jax import status
from sparse_jax.types import Archive, Evaluation

MEASURED = (status.OK, status.OVER_BUDGET)
"""What a trial with figures may have become."""


def empty(dim: int, num_objectives: int, num_further: int = 0) -> Archive:
    """An archive without evaluations, of points [D] with K objectives and C further
    costs."""
    return Archive(
        np.zeros((0, dim)), np.zeros((0, num_objectives)), np.zeros(0, int),
        np.zeros((0, num_further)), np.zeros(0))


def append(archive: Archive, x: np.ndarray, evaluation: Evaluation) -> Archive:
    """The archive with a batch of B more rows.

    The figures of a trial that is neither `status.OK` nor `status.OVER_BUDGET` are
    recorded as NaN, and a trial that claims success with a NaN or infinite objective
    as `status.NONFINITE`.

    Args:
      archive: N rows.
      x: [B, D] the points.
      evaluation: what became of them.

    Returns:
      An archive of N + B rows, one round older.

    Raises:
      ValueError: points, objectives and statuses of different numbers.
    """
    more = (np.asarray(x, np.float64), *_figures(len(x), evaluation))
    return Archive(
        *(np.concatenate(pair) for pair in zip(archive[:5], more)),
        rounds=archive.rounds + 1)


def expect(archive: Archive, x: np.ndarray, rounds: int) -> Archive:
    """The archive while further points are evaluated.

    Args:
      archive: N rows.
      x: [P, D] the points.
      rounds: batches so far, with theirs.
    """
    pending = np.asarray(x, np.float64).reshape(-1, archive.x.shape[1])
    return archive._replace(pending=pending, rounds=rounds)


def revise(archive: Archive, places: np.ndarray, evaluation: Evaluation) -> Archive:
    """The archive with other figures of some of its points, where there are any.

    Args:
      archive: N rows.
      places: [B] rows that were evaluated again, each once.
      evaluation: what became of them; where nothing was measured the row stays.

    Returns:
      An archive of as many rows and rounds.

    Raises:
      ValueError: places, objectives and statuses of different numbers.
    """
    figures = _figures(len(places), evaluation)
    measured = np.isfinite(figures[0]).all(1)
    changed = [values.copy() for values in archive[1:5]]
    for values, new in zip(changed, figures):
        values[places[measured]] = new[measured]
    return Archive(archive.x, *changed, rounds=archive.rounds)


def _figures(num: int, evaluation: Evaluation) -> tuple[np.ndarray, ...]:
    """What an archive holds of so many outcomes beside their points."""
    y = np.asarray(evaluation.objectives, np.float64)
    code = np.asarray(evaluation.status, int)
    if not num == len(y) == len(code):
        raise ValueError(f'{num} points, {len(y)} objectives, {len(code)} statuses')
    further = np.zeros((num, 0)) if evaluation.further is None else np.asarray(
        evaluation.further, np.float64)
    excess = np.zeros(num) if evaluation.excess is None else np.asarray(
        evaluation.excess, np.float64)
    finite = np.isfinite(y).all(1)
    code = np.where((code == status.OK) & ~finite, status.NONFINITE, code)
    measured = (np.isin(code, MEASURED) & finite)[:, None]
    return (np.where(measured, y, np.nan), code, np.where(measured, further, np.nan),
            excess)
