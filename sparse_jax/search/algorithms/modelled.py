"""Which of many trials a surrogate is fitted to: its work does not grow with a study.

An exact Gaussian process of N rows takes N^3 operations and N^2 numbers. Past a number
of rows it sees a part of the archive: half of it the best, a quarter the newest, a
quarter spread over the rest of the space.
"""

import numpy as np

from sparse_jax.objectives import pareto
from sparse_jax.types import Archive

GRID = 1024
"""Coordinates are compared as whole multiples of 1 / GRID: sums of their products are
exact in float64, so that no order of summation decides a tie."""


def modelled(archive: Archive, most: int | None) -> Archive:
    """The part of an archive that a surrogate is fitted to.

    A function of the archive alone: it is the same after a resume, and but for which
    trials are the newest the order of the trials does not matter.

    Args:
      archive: N trials.
      most: rows that it may have; None for any number.

    Returns:
      The archive itself if it has no more rows than that. Else `most` of its rows, in
      their order: half of them the best (`by_merit`), a quarter the newest of the
      others, and the rest one after the other that which is farthest from all rows
      chosen so far (Gonzalez 1985), failed trials among them.
    """
    if most is None or archive.size <= most:
        return archive
    chosen = np.zeros(archive.size, bool)
    chosen[by_merit(archive, most // 2)] = True
    chosen[np.flatnonzero(~chosen)[archive.size - chosen.sum() - most // 4:]] = True
    chosen[farthest(archive.x, chosen, most - int(chosen.sum()))] = True
    return Archive(*(part[chosen] for part in archive[:5]), rounds=archive.rounds,
                   pending=archive.pending)


def by_merit(archive: Archive, count: int) -> np.ndarray:
    """The best trials [at most count]: those within the hard budgets front by front, of
    a front that is not taken whole the least crowded (Deb et al. 2002); after them
    those that exceed the budgets least. Failed ones are not among them."""
    places = _canonical_order(archive.x)
    inside = places[archive.within[places]]
    outside = places[(archive.measured & ~archive.within)[places]]
    best = inside[_front_by_front(archive.y[inside], count)]
    nearest = outside[np.argsort(archive.excess[outside], kind='stable')]
    return np.concatenate([best, nearest])[:count]


def farthest(x: np.ndarray, chosen: np.ndarray, count: int) -> np.ndarray:
    """Rows of x [N, D] that are not in chosen [N], each the farthest from the chosen
    ones and from those before it -> [count] indices."""
    order = _canonical_order(x)
    x = np.rint(np.asarray(x, np.float64)[order] * GRID)
    left = ~chosen[order]
    square = (x**2).sum(1)
    near = np.full(len(x), np.inf)
    for start in range(0, len(x), GRID):
        some = np.arange(start, min(start + GRID, len(x)))
        some = some[~left[some]]
        if len(some):
            apart = square[:, None] + square[some] - 2.0 * (x @ x[some].T)
            near = np.minimum(near, apart.min(1))
    near[~left] = -1.0
    found = []
    for _ in range(count):
        place = int(np.argmax(near))
        found.append(order[place])
        near = np.minimum(near, square + square[place] - 2.0 * (x @ x[place]))
        left[place] = False
        near[~left] = -1.0
    return np.array(found, int)


def _front_by_front(y: np.ndarray, count: int) -> np.ndarray:
    """The first rows of y [N, K] by non-dominated rank, then by crowding -> [at most
    count] indices."""
    if y.shape[1] == 1:
        return np.argsort(y[:, 0], kind='stable')[:count]
    left, found, taken = np.arange(len(y)), [np.zeros(0, int)], 0
    while len(left) and taken < count:
        # A few fronts are enough: all ranks would take the square of the rows.
        front = pareto.non_dominated(y[left])
        rows = left[front]
        found.append(rows[np.argsort(-pareto.crowding(y[rows]), kind='stable')])
        taken, left = taken + len(rows), left[~front]
    return np.concatenate(found)[:count]


def _canonical_order(x: np.ndarray) -> np.ndarray:
    """Indices that sort the rows of x [N, D]: ties do not depend on their order."""
    return np.lexsort(np.asarray(x).T[::-1])
