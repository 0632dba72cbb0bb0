"""Local edits of a point: the morphs that a search proposes.

Every row of the table can be edited: widths and kernels up or down, layer types,
layers and blocks added or removed, branches, merge, budgets, input down-sampling,
batch norm and all training and pruning settings (SpArSe appendix B as reconstructed).
"""

import jax
import numpy as np

from sparse_jax.host_random import generator
from sparse_jax.space import encoding
from sparse_jax.space.dimensions import Dimension, Role
from sparse_jax.space.sparse_space import Space

SPREAD = 0.15
"""Standard deviation of a numeric edit, in unit coordinates."""
_TRIES = 12


def morph(
    key: jax.Array, space: Space, rows: np.ndarray, *, only_pruning: bool = False
) -> np.ndarray:
    """One random edit of every row: [N, D] -> [N, D] canonical feasible rows.

    An edit that gives an infeasible or unchanged network is drawn again; if that
    keeps failing the row is replaced by a draw from the prior (or, with
    `only_pruning`, returned as it is).
    """
    first, second = jax.random.split(key)
    rng = generator(first)
    rows = np.atleast_2d(rows)
    result, open_rows = rows.copy(), np.arange(len(rows))
    for _ in range(_TRIES):
        if not len(open_rows):
            return result
        edited = encoding.snap(
            space, _edit(rng, space, rows[open_rows], only_pruning))
        fine = encoding.feasible(space, edited)
        edited[fine] = _keep_units(space, rows[open_rows[fine]], edited[fine])
        edited[fine] = encoding.canonical(space, edited[fine])
        fine &= (np.abs(edited - rows[open_rows]) > 1e-9).any(axis=1)
        result[open_rows[fine]] = edited[fine]
        open_rows = open_rows[~fine]
    if len(open_rows) and not only_pruning:
        result[open_rows] = encoding.sample(second, space, len(open_rows))
    return result


def _edit(
    rng: np.random.Generator, space: Space, rows: np.ndarray, only_pruning: bool
) -> np.ndarray:
    """Change one active dimension per row; dimensions that wake up are drawn afresh."""
    active = encoding.activity(space, rows)
    allowed = active & (space.levels != 1)
    if only_pruning:
        allowed &= space.having(Role.PRUNING)
    column = np.where(allowed, rng.random(rows.shape), -1.0).argmax(axis=1)
    edited = rows.copy()
    for i in np.unique(column):
        chosen = (column == i) & allowed[:, i]
        edited[chosen, i] = _changed(rng, space.dimensions[i], rows[chosen, i])
    awake = encoding.activity(space, edited) & ~active
    return np.where(awake, rng.random(rows.shape), edited)


def _keep_units(space: Space, rows: np.ndarray, edited: np.ndarray) -> np.ndarray:
    """Let the FC budget follow edits of what the FC layers read: a wider layer would
    otherwise take units from them, and their weights could not be inherited."""
    columns = [i for i, row in enumerate(space.dimensions) if row.role.before_head]
    budget = space.index('total-fc-layer-weights')
    follows = (edited != rows)[:, columns].any(axis=1) & encoding.activity(
        space, edited)[:, budget]
    edited[follows] = encoding.keep_units(
        space, edited[follows], encoding.graphs(space, rows[follows]))
    return edited


def _changed(
    rng: np.random.Generator, dimension: Dimension, u: np.ndarray
) -> np.ndarray:
    """Other coordinates for u [M]: a new level, or a step of random size."""
    levels = dimension.levels
    if not levels:
        return np.clip(u + rng.normal(0.0, SPREAD, len(u)), 0.0, 1.0)
    index = dimension.index(u)
    if dimension.options:
        moved = (index + rng.integers(1, max(levels, 2), len(u))) % levels
        return dimension.centre(moved)
    far = dimension.index(np.clip(u + rng.normal(0.0, SPREAD, len(u)), 0.0, 1.0))
    step = np.ones(len(u), int) if levels <= 8 else np.maximum(1, abs(far - index))
    up = rng.random(len(u)) < 0.5
    up = np.where(index + step >= levels, False, np.where(index - step < 0, True, up))
    return dimension.centre(np.clip(index + np.where(up, step, -step), 0, levels - 1))
