"""Values that cross the stages of the library. Imports nothing of it."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np

Array = jax.Array | np.ndarray
PRNGKey = jax.Array
Params = dict[str, dict[str, Array]]
"""Weights by layer name, then by variable name (`kernel`, `bias`, ...)."""


class Domain(NamedTuple):
    """What a search algorithm needs to know of a space; points live in [0, 1]^D.

    Every returned point is canonical: snapped to its grid, inactive dimensions
    neutral, so that equal things have equal coordinates.
    """

    dim: int
    levels: np.ndarray
    """[D] int: number of levels of a discrete dimension, 0 for a continuous one."""
    categorical: np.ndarray
    """[D] bool: the levels have no order."""
    sample: Callable[[PRNGKey, int], np.ndarray]
    """(key, num) -> [num, D] independent draws from the prior."""
    perturb: Callable[[PRNGKey, np.ndarray], np.ndarray]
    """(key, x [N, D]) -> [N, D] one random local edit (morph) of each row."""
    activity: Callable[[np.ndarray], np.ndarray]
    """(x [N, D]) -> [N, D] bool: which dimensions matter for the row."""
    group: Callable[[np.ndarray], list[Hashable]]
    """(x [N, D]) -> N labels; equal labels share one compiled training program."""
    resample: Callable[[PRNGKey, np.ndarray, int], np.ndarray]
    """(key, x [D], num) -> [num', D] other points that have the group of x; fewer than
    num where there are no more."""


class Evaluation(NamedTuple):
    """The outcome of evaluating a batch of B points."""

    objectives: np.ndarray
    """[B, K] float, minimised; NaN where the status is not `status.OK`."""
    status: np.ndarray
    """[B] int, codes of `sparse_jax.status`."""


class SearchState(NamedTuple):
    """Everything a search algorithm remembers; rows at or past `count` are empty."""

    x: np.ndarray
    """[N, D] evaluated points."""
    y: np.ndarray
    """[N, K] objectives, NaN where the evaluation failed."""
    status: np.ndarray
    """[N] int."""
    count: int
    """Rows in use."""


class SuggestInfo(NamedTuple):
    """Diagnostics of one suggestion; never needed to continue."""

    weights: np.ndarray | None = None
    """[B, K] scalarization weights, one row per suggested point."""
    score: np.ndarray | None = None
    """[B] acquisition value, lower is better."""
    nll: np.ndarray | None = None
    """[K] negative log likelihood of the surrogate, per observation."""
    extra: dict[str, Any] | None = None


class SearchAlgorithm(NamedTuple):
    """A search algorithm as three functions; state in, state out."""

    init: Callable[[], SearchState]
    suggest: Callable[[PRNGKey, SearchState], tuple[np.ndarray, SuggestInfo]]
    """(key, state) -> ([B, D] canonical points, info); distinct and new unless the
    space is used up."""
    observe: Callable[[SearchState, np.ndarray, Evaluation], SearchState]
    """(state, x [B, D], evaluation) -> state."""
