"""Local edits of a point: the morphs that a search proposes.

Every row of the table can be edited: widths and kernels up or down, layer types,
layers and blocks added or removed, branches, merge, budgets, input down-sampling,
batch norm and all training and pruning settings (SpArSe appendix B as reconstructed).
"""

import jax
import numpy as np

from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space

PRUNING = ('zero-regularization-epochs', 'annealing-epochs', 'alpha', 'pretraining',
           'log-alpha-offset', 'pruning-threshold-')
"""Name prefixes of the rows that stage 2 may change."""

_TRIES = 12


def is_pruning(name: str) -> bool:
    """Whether a table row is a pruning parameter."""
    return name.startswith(PRUNING)


def morph(
    key: jax.Array, space: Space, rows: np.ndarray, *, only_pruning: bool = False
) -> np.ndarray:
    """One random edit of every row: [N, D] -> [N, D] canonical feasible rows.

    An edit that gives an infeasible or unchanged network is drawn again; if that
    keeps failing the row is replaced by a draw from the prior (or, with
    `only_pruning`, returned as it is).
    """
    first, second = jax.random.split(key)
    rng = encoding.generator(first)
    rows = np.atleast_2d(rows)
    result, open_rows = rows.copy(), np.arange(len(rows))
    for _ in range(_TRIES):
        if not len(open_rows):
            return result
        edited = np.stack([
            _edit(rng, space, rows[i], only_pruning) for i in open_rows])
        edited = encoding.snap(space, edited)
        fine = encoding.feasible(space, edited)
        edited[fine] = encoding.canonical(space, edited[fine])
        fine &= (np.abs(edited - rows[open_rows]) > 1e-9).any(axis=1)
        result[open_rows[fine]] = edited[fine]
        open_rows = open_rows[~fine]
    if len(open_rows) and not only_pruning:
        result[open_rows] = encoding.sample(second, space, len(open_rows))
    return result


def _edit(rng, space, row, only_pruning):
    """Change one active dimension; dimensions that wake up are drawn afresh."""
    active = encoding.activity(space, row[None])[0]
    allowed = active & np.array(
        [is_pruning(n) or not only_pruning for n in space.names])
    column = rng.choice(np.flatnonzero(allowed))
    edited = row.copy()
    edited[column] = _changed(rng, space.dimensions[column], row[column])
    awake = encoding.activity(space, edited[None])[0] & ~active
    edited[awake] = rng.random(awake.sum())
    return edited


def _changed(rng, dimension, u):
    """Another coordinate: a new level, or a step of random size up or down."""
    levels = dimension.levels
    if dimension.kind in ('boolean', 'categorical'):
        index = (int(dimension.index(u)) + rng.integers(1, levels)) % levels
        return float(dimension.centre(index))
    if not levels:
        return float(np.clip(u + rng.normal(0.0, 0.15), 0.0, 1.0))
    index = int(dimension.index(u))
    if levels <= 8:
        step = 1
    else:
        moved = int(dimension.index(np.clip(u + rng.normal(0.0, 0.15), 0, 1)))
        step = max(1, abs(moved - index))
    up = index + step < levels and (rng.random() < 0.5 or index - step < 0)
    index = index + step if up else max(index - step, 0)
    return float(dimension.centre(index))
