"""Values that cross the stages of the library. Imports nothing of it."""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
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
    group: Callable[[np.ndarray], Sequence[Hashable]]
    """(x [N, D]) -> N labels; equal labels share one compiled training program."""
    resample: Callable[[PRNGKey, np.ndarray, int], np.ndarray]
    """(key, x [D], num) -> [num', D] other points that have the group of x; fewer than
    num where there are no more."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a search minimises and must not exceed: K objectives, each in its own unit,
    and C further costs that are no objectives but have hard budgets."""

    bounds: tuple[float, ...]
    """[K] soft bounds: the scale of every objective in random scalarizations."""
    reference: tuple[float, ...] = ()
    """[K] where the hypervolume that improvements add to ends; the soft bounds where
    none is given."""
    budgets: tuple[float, ...] = ()
    """[K + C] hard: the most of every objective, inf for any, then of every further
    cost; () if nothing has a budget."""

    def __post_init__(self) -> None:
        """Plain numbers, and a reference.

        Raises:
          ValueError: a reference or budgets of another length.
        """
        bounds = tuple(map(float, self.bounds))
        reference = tuple(map(float, self.reference)) or bounds
        budgets = tuple(map(float, self.budgets))
        if len(reference) != len(bounds) or 0 < len(budgets) < len(bounds):
            raise ValueError(f'{len(bounds)} bounds, a reference of {len(reference)}, '
                             f'{len(budgets)} budgets')
        object.__setattr__(self, 'bounds', bounds)
        object.__setattr__(self, 'reference', reference)
        object.__setattr__(self, 'budgets', budgets)

    @property
    def num_objectives(self) -> int:
        """K."""
        return len(self.bounds)

    @property
    def num_further(self) -> int:
        """C."""
        return max(len(self.budgets) - len(self.bounds), 0)


class Evaluation(NamedTuple):
    """The outcome of evaluating a batch of B points."""

    objectives: np.ndarray
    """[B, K] float, minimised; NaN where nothing was measured."""
    status: np.ndarray
    """[B] int, codes of `sparse_jax.status`."""
    further: np.ndarray | None = None
    """[B, C] further costs with hard budgets; None where there are none."""
    excess: np.ndarray | None = None
    """[B] by how much the worst cost is over its hard budget: the logarithm of their
    ratio, 0 within, infinite where it is unknown; None where nothing has a budget."""


NO_POINTS = np.zeros((0, 0))


class Archive(NamedTuple):
    """What was evaluated: all that a search remembers, and all that an algorithm sees.

    `search.archive` makes and extends archives. The loop, the stages and every
    algorithm read it; nobody changes one in place.
    """

    x: np.ndarray
    """[N, D] evaluated points, in order."""
    y: np.ndarray
    """[N, K] objectives, NaN where the evaluation failed. A point over a hard budget
    has its true ones."""
    status: np.ndarray
    """[N] int."""
    further: np.ndarray
    """[N, C] further costs with hard budgets."""
    excess: np.ndarray
    """[N] how far over the hard budgets, 0 within."""
    rounds: int = 0
    """Batches that it was made of, with that of the pending points."""
    pending: np.ndarray = NO_POINTS
    """[P, D] points that are being evaluated, which come next; none unless a search has
    `search.lag`."""

    @property
    def size(self) -> int:
        """N."""
        return len(self.x)

    @property
    def begun(self) -> np.ndarray:
        """[N + P, D] points that were evaluated or are pending: none comes again."""
        return np.concatenate([self.x, self.pending]) if len(self.pending) else self.x

    @property
    def measured(self) -> np.ndarray:
        """[N] bool: which points have objectives."""
        return np.all(np.isfinite(self.y), axis=1)

    @property
    def within(self) -> np.ndarray:
        """[N] bool: which have them within the hard budgets; all that are measured
        where there are none."""
        return np.logical_and(self.measured, self.excess <= 0)


class SuggestInfo(NamedTuple):
    """Diagnostics of one suggestion; never needed to continue."""

    weights: np.ndarray | None = None
    """[B, K] scalarization weights, one row per suggested point."""
    score: np.ndarray | None = None
    """[B] acquisition value, lower is better."""
    nll: np.ndarray | None = None
    """[K] negative log likelihood of the surrogate, per observation."""
    extra: dict[str, Any] | None = None
    predicted: np.ndarray | None = None
    """[B, K] what a model expected of the objectives of every suggested point, in their
    own units; None without a model."""


class SearchAlgorithm(NamedTuple):
    """A search algorithm: a pure function of a key and of what was evaluated.

    It keeps no state of its own, so a search can go on from any archive, and the same
    key and archive give the same batch. A factory
    `(domain, problem, *, batch, rules, model)` makes one
    (`search.algorithms.registry.Factory` explains the arguments); a factory of one's
    own is named as MODULE:FACTORY in `search.algorithm`. The caller makes the points
    canonical, trains them and appends the outcomes to the archive; failures are in it
    too, with a status and NaN objectives.

    Example:
      >>> def uniform(domain, problem, *, batch, rules, model):
      ...     def suggest(key, archive):
      ...         return domain.sample(key, batch), SuggestInfo()
      ...     return SearchAlgorithm(suggest)
    """

    suggest: Callable[[PRNGKey, Archive], tuple[np.ndarray, SuggestInfo]]
    """(key, archive) -> ([B, D] canonical points, info): distinct and none of
    `archive.begun`; fewer, or none, where the space is used up."""
    prepare: Callable[[int], None] | None = None
    """(number of trials) -> nothing: compile what `suggest` will need for an archive of
    so many, which changes nothing of what it suggests. It may be called in a thread,
    but never beside `suggest`. None where there is nothing to compile."""
