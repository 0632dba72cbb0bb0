"""The record of a search in arrays of fixed capacity, grown on the host."""

import numpy as np

from sparse_jax import status
from sparse_jax.surrogate.capacity import TIERS, pad, tier
from sparse_jax.types import Evaluation, SearchState

EMPTY = -1
"""Status of a row that holds no evaluation."""


def allocate(
    dim: int, num_objectives: int, *, capacity: int = TIERS[0]
) -> SearchState:
    """An empty archive with room for `capacity` evaluations."""
    return SearchState(
        np.zeros((capacity, dim)), np.full((capacity, num_objectives), np.nan),
        np.full(capacity, EMPTY), 0)


def grow(state: SearchState, capacity: int) -> SearchState:
    """The same archive with room for `capacity` evaluations."""
    return SearchState(
        pad(state.x, capacity), pad(state.y, capacity, np.nan),
        pad(state.status, capacity, EMPTY), state.count)


def append(
    state: SearchState, x: np.ndarray, evaluation: Evaluation
) -> SearchState:
    """The archive with B more rows; it moves to the next tier when full.

    The objectives of a trial that is not `status.OK` are recorded as NaN, and a trial
    that claims success with a NaN or infinite objective as `status.NONFINITE`.
    """
    x = np.asarray(x, np.float64)
    y = np.asarray(evaluation.objectives, np.float64)
    code = np.asarray(evaluation.status, int)
    if not len(x) == len(y) == len(code):
        raise ValueError(f'{len(x)} points, {len(y)} objectives, {len(code)} statuses')
    claimed = (code == status.OK) & ~np.isfinite(y).all(1)
    code = np.where(claimed, status.NONFINITE, code)
    y = np.where((code == status.OK)[:, None], y, np.nan)
    end = state.count + len(x)
    if end > len(state.x):
        state = grow(state, tier(end))
    rows = slice(state.count, end)
    new = SearchState(state.x.copy(), state.y.copy(), state.status.copy(), end)
    new.x[rows], new.y[rows], new.status[rows] = x, y, code
    return new
