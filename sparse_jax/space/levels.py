"""Level numbers and cells of all dimensions of a space together.

What `Dimension.index` and `Dimension.snap` say of one column, for whole rows at once:
a search asks for hundreds of thousands of them.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.space.sparse_space import Space


class _Table(NamedTuple):
    """Constants of a space, by column."""

    sizes: np.ndarray
    """[D] number of levels, 0 for a continuous dimension."""
    logarithmic: np.ndarray
    """Discrete columns whose levels are spread logarithmically."""
    spread: np.ndarray
    """[3, columns] low, ratio of the end to low, and step of each of these."""
    centres: np.ndarray
    """[D, most levels] coordinates of the cells' centres."""


@functools.lru_cache(maxsize=64)
def _table(space: Space) -> _Table:
    sizes = space.levels
    middles = np.zeros((len(sizes), max(1, sizes.max())))
    for column in np.flatnonzero(sizes):
        levels = np.arange(sizes[column])
        middles[column, : len(levels)] = space.dimensions[column].centre(levels)
    logarithmic = [i for i in np.flatnonzero(sizes).tolist() if space.dimensions[i].log]
    spread = [(d.low, (d.high + d.step) / d.low, d.step)
              for d in map(space.dimensions.__getitem__, logarithmic)]
    return _Table(sizes, np.array(logarithmic, int),
                  np.array(spread, np.float64).reshape(-1, 3).T, middles)


def numbers(space: Space, rows: np.ndarray) -> np.ndarray:
    """Rows [N, D] -> [N, D] int level numbers, 0 for continuous dimensions."""
    table = _table(space)
    rows = np.asarray(rows, np.float64)
    rows = np.clip(rows, 0.0, 1.0)
    number = (rows * table.sizes).astype(int)
    if len(table.logarithmic):
        low, ratio, step = table.spread
        raw = low * ratio ** rows[:, table.logarithmic]
        number[:, table.logarithmic] = np.maximum(
            np.floor((raw - low) / step + 1e-9), 0.0)
    return np.minimum(number, np.maximum(table.sizes - 1, 0))


def centred(space: Space, rows: np.ndarray) -> np.ndarray:
    """Rows [N, D] -> coordinates [N, D] of the values that they decode to."""
    return centres(space, rows, numbers(space, rows))


def centres(space: Space, rows: np.ndarray, number: np.ndarray) -> np.ndarray:
    """`centred` of rows [N, D] whose level numbers [N, D] are known."""
    table = _table(space)
    found = table.centres[np.arange(len(table.sizes)), number]
    return np.where(
        table.sizes > 0, found, np.clip(np.asarray(rows, np.float64), 0.0, 1.0))


@functools.lru_cache(maxsize=64)
def values(space: Space) -> tuple[tuple[Any, ...], ...]:
    """The values of every dimension by level; none of a continuous one."""
    return tuple(tuple(d.level(i) for i in range(d.levels)) for d in space.dimensions)
