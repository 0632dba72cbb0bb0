"""Values that cross the stages of the library. Imports nothing of it."""

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a search minimises: K objectives, each in its own unit."""

    bounds: tuple[float, ...]
    """[K] soft bounds: the scale of every objective in random scalarizations."""
    reference: tuple[float, ...] = ()
    """[K] where the hypervolume that improvements add to ends; the soft bounds where
    none is given."""

    def __post_init__(self) -> None:
        """Plain numbers, and a reference.

        Raises:
          ValueError: a reference of another length.
        """
        bounds = tuple(map(float, self.bounds))
        reference = tuple(map(float, self.reference)) or bounds
        if len(reference) != len(bounds):
            raise ValueError(f'{len(bounds)} bounds, {len(reference)} in the reference')
        object.__setattr__(self, 'bounds', bounds)
        object.__setattr__(self, 'reference', reference)

    @property
    def num_objectives(self) -> int:
        """K."""
        return len(self.bounds)


class Evaluation(NamedTuple):
    """The outcome of evaluating a batch of B points."""

    objectives: np.ndarray
    """[B, K] float, minimised; NaN where the status is not `status.OK`."""
    status: np.ndarray
    """[B] int, codes of `sparse_jax.status`."""


class Archive(NamedTuple):
    """What was evaluated: all that a search remembers, and all that an algorithm sees.

    `search.archive` makes and extends archives. The loop, the stages and every
    algorithm read it; nobody changes one in place.
    """

    x: np.ndarray
    """[N, D] evaluated points, in order."""
    y: np.ndarray
    """[N, K] objectives, NaN where the evaluation failed."""
    status: np.ndarray
    """[N] int."""
    rounds: int = 0
    """Batches that it was made of."""

    @property
    def size(self) -> int:
        """N."""
        return len(self.x)

    @property
    def measured(self) -> np.ndarray:
        """[N] bool: which points have objectives."""
        return np.isfinite(self.y).all(axis=1)


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
    """A search algorithm: a pure function of a key and of what was evaluated.

    It keeps no state of its own, so a search can go on from any archive.
    """

    suggest: Callable[[PRNGKey, Archive], tuple[np.ndarray, SuggestInfo]]
    """(key, archive) -> ([B, D] canonical points, info); distinct and new unless the
    space is used up."""
