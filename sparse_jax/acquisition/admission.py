"""Which points may be suggested: limits, budgets, groups, what was evaluated before."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sparse_jax.acquisition.groups import GroupRules
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.types import Domain


class NothingLeftError(ValueError):
    """Limits and hard budgets refuse every point; the message is one line."""


class Admission(NamedTuple):
    """What decides, besides the criterion, whether a point may be suggested."""

    domain: Domain
    facts: Callable[[np.ndarray], Facts]
    """(x [N, D]) -> what is known of them."""
    refuse: Callable[[np.ndarray], np.ndarray]
    """(x [N, D]) -> [N] bool: cannot meet a hard budget."""
    feasible: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """(x, active) -> [N] probability of a successful trial within the budgets."""
    taken: frozenset[bytes]
    """Identities of the points evaluated before."""
    groups: GroupRules
    """How many compiled programs the batch may use."""

    def inputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Facts]:
        """x [N, D], its activity [N, D] and what is known of it, for a criterion."""
        x = np.asarray(x, np.float64)
        return x, np.asarray(self.domain.activity(x), np.float64), self.facts(x)


def identity(x: np.ndarray) -> list[bytes]:
    """One comparable identity per row of x [N, D]."""
    return [row.tobytes() for row in np.round(np.asarray(x, np.float64), 9) + 0.0]
