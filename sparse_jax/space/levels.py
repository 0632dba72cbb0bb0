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
    logarithmic: tuple[int, ...]
    """Discrete columns whose levels are spread logarithmically."""
    centres: np.ndarray
    """[D, most levels] coordinates of the cells' centres."""


@functools.lru_cache(maxsize=64)
def _table(space: Space) -> _Table:
    sizes = space.levels
    centres = np.zeros((len(sizes), max(1, sizes.max())))
    for column in np.flatnonzero(sizes):
        levels = np.arange(sizes[column])
        centres[column, : len(levels)] = space.dimensions[column].centre(levels)
    return _Table(sizes, tuple(i for i in np.flatnonzero(sizes).tolist()
                               if space.dimensions[i].log), centres)


def numbers(space: Space, rows: np.ndarray) -> np.ndarray:
    """Rows [N, D] -> [N, D] int level numbers, 0 for continuous dimensions."""
    table = _table(space)
    rows = np.asarray(rows, np.float64)
    number = (np.clip(rows, 0.0, 1.0) * table.sizes).astype(int)
    number = np.minimum(number, np.maximum(table.sizes - 1, 0))
    for column in table.logarithmic:
        number[:, column] = space.dimensions[column].index(rows[:, column])
    return number


def centred(space: Space, rows: np.ndarray) -> np.ndarray:
    """Rows [N, D] -> coordinates [N, D] of the values that they decode to."""
    table = _table(space)
    rows = np.asarray(rows, np.float64)
    centres = table.centres[np.arange(len(table.sizes)), numbers(space, rows)]
    return np.where(table.sizes > 0, centres, np.clip(rows, 0.0, 1.0))


@functools.lru_cache(maxsize=64)
def values(space: Space) -> tuple[tuple[Any, ...], ...]:
    """The values of every dimension by level; none of a continuous one."""
    return tuple(tuple(d.level(i) for i in range(d.levels)) for d in space.dimensions)
