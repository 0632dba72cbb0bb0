"""Pareto dominance and exact hypervolume of minimised objectives, on the host."""

import moocore
import numpy as np


def non_dominated(y: np.ndarray) -> np.ndarray:
    """Rows of y [N, K] that no other row dominates -> [N] bool.

    Of equal rows the first is kept. Rows with a NaN (failed trials) are never in
    the front and dominate nothing.
    """
    y = np.asarray(y, np.float64)
    front = np.zeros(len(y), bool)
    rows = np.flatnonzero(~np.isnan(y).any(1))
    if len(rows):
        # moocore is exact for any K and drops later copies of a front row.
        front[rows] = moocore.is_nondominated(np.ascontiguousarray(y[rows]))
    return front


def hypervolume(y: np.ndarray, reference: np.ndarray) -> float:
    """Volume dominated by the rows of y [N, K] and bounded by reference [K].

    Rows with a NaN, and rows that are not below the reference in every objective,
    contribute nothing. Exact for any K (moocore).
    """
    y = np.asarray(y, np.float64)
    reference = np.asarray(reference, np.float64)
    if y.ndim != 2 or reference.shape != (y.shape[1],):
        raise ValueError(
            f'objectives {y.shape} and reference {reference.shape} do not match'
        )
    inside = (y < reference).all(1)  # a comparison with NaN is False
    if not inside.any():
        return 0.0
    return float(moocore.hypervolume(np.ascontiguousarray(y[inside]), ref=reference))


def ranks(y: np.ndarray) -> np.ndarray:
    """Front number of each row of y [N, K] -> [N] int, 0 for the Pareto front.

    Non-dominated sorting (Deb et al. 2002); rows with a NaN come after all others.
    """
    y = np.asarray(y, np.float64)
    rank = np.full(len(y), -1)
    finite = ~np.isnan(y).any(1)
    if finite.any():
        rank[finite] = moocore.pareto_rank(np.ascontiguousarray(y[finite]))
    rank[~finite] = rank.max(initial=-1) + 1
    return rank


def crowding(y: np.ndarray) -> np.ndarray:
    """Crowding distance of each row of y [N, K] among all rows -> [N].

    Deb et al. 2002, figure 3: side lengths of the box between the two neighbours,
    each objective scaled by its range; infinite at the ends of each objective.
    """
    y = np.asarray(y, np.float64)
    distance = np.zeros(len(y))
    for column in y.T:
        order = np.argsort(column, kind='stable')
        span = column[order[-1]] - column[order[0]] if len(y) else 0.0
        distance[order[:1]] = distance[order[-1:]] = np.inf
        if span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance
