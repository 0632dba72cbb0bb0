"""A batch under construction: new, distinct points within the rules, one at a time."""

from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np

from sparse_jax.acquisition.admission import Admission, NothingLeftError, identity
from sparse_jax.acquisition.groups import siblings
from sparse_jax.types import PRNGKey

TRIES = 32
"""Draws from the prior before a space counts as used up."""
LAST = 4096
"""Points of the last of them."""


class Batch:
    """A suggested batch, and what was learnt of candidates on the way.

    Attributes:
      admission: the rules.
      x: the chosen points, [D] each.
      groups: their groups, where the rules ask for any.
      score: their scores, NaN for random points.
      refused: identity -> bool, whether a limit or budget refuses the point.
      labels: identity -> group.
      spare: admissible candidates made for earlier picks, [M, D] each.
      overflow: times that the open groups were used up and another one was opened.
    """

    def __init__(self, admission: Admission):
        """Nothing chosen yet."""
        self.admission = admission
        self.x: list[np.ndarray] = []
        self.groups: list[Hashable] = []
        self.score: list[float] = []
        self.refused: dict[bytes, bool] = {}
        self.labels: dict[bytes, Hashable] = {}
        self.spare: list[np.ndarray] = []
        self.overflow = 0

    @property
    def points(self) -> np.ndarray:
        """[B, D] the chosen points."""
        return np.array(self.x).reshape(-1, self.admission.domain.dim)

    @property
    def barred(self) -> frozenset[bytes]:
        """Identities of what was evaluated before or is chosen already."""
        return self.admission.taken.union(identity(self.points))

    def append(self, x: np.ndarray, score: float = np.nan) -> None:
        """Add one point [D]."""
        self.x.append(x)
        self.score.append(score)
        if self.admission.groups.matter:
            self.groups.append(self.labels_of(x[None])[0])

    def labels_of(self, x: np.ndarray) -> list[Hashable]:
        """Groups of the rows of x [N, D]."""
        return _remember(self.labels, identity(x), x, self.admission.domain.group)

    def admit(self, x: np.ndarray) -> np.ndarray:
        """Rows of x [N, D] that are new, distinct, and not refused -> [M, D]."""
        barred = self.barred
        rows = {name: i for i, name in enumerate(identity(x)) if name not in barred}
        if not rows:
            return x[:0]
        x = x[list(rows.values())]
        refused = _remember(self.refused, list(rows), x, self.admission.refuse)
        return x[~np.array(refused, bool)]

    def in_groups(self, x: np.ndarray) -> np.ndarray:
        """Rows of x [N, D] in groups that the batch may still use."""
        allowed = self.admission.groups.allowed(self.groups)
        if not len(x) or allowed is None:
            return x
        open_ = set(allowed)
        return x[[label in open_ for label in self.labels_of(x)]]

    def admissible(self, x: np.ndarray) -> np.ndarray:
        """Rows of x [N, D] that may be the next pick -> [M, D]."""
        return self.in_groups(self.admit(x))

    def draw(self, key: PRNGKey, num: int) -> np.ndarray:
        """Mostly `num` admissible random points, [M, D]; none if the space is used up.

        Where the open groups are used up another one is opened (counted as overflow).

        Raises:
          NothingLeftError: everything is refused.
        """
        domain, leaders = self.admission.domain, self._leaders()
        sources: list[Callable[[PRNGKey], np.ndarray]] = [
            lambda key: self.admit(domain.sample(key, num))]
        if leaders is not None:
            sources.insert(0, lambda key: self.in_groups(
                self.admit(siblings(key, domain, leaders, num))))
        for source in sources:
            for _ in range(TRIES):
                key, key_draw = jax.random.split(key)
                x = source(key_draw)
                if len(x):
                    self.overflow += leaders is not None and source is sources[-1]
                    return x
        last = domain.sample(key, LAST)
        x = self.admit(last)
        self.overflow += bool(len(x)) and leaders is not None
        if not len(x) and not self.barred.intersection(identity(last)):
            raise NothingLeftError(
                'limits and budgets refuse every point: none in '
                f'{len(sources) * TRIES * num + LAST} draws met them, '
                f'{sum(self.refused.values())} different ones were refused')
        return x[:num]

    def _leaders(self) -> list[np.ndarray] | None:
        """A point of every group that the next pick may fall into, None for any."""
        allowed = self.admission.groups.allowed(self.groups)
        if not allowed:
            return None
        seen = self.admission.groups.seen
        return [self.x[self.groups.index(group)] if group in self.groups
                else seen[group] for group in allowed]

    def pick_random(self, key: PRNGKey, num: int = 16) -> bool:
        """Add one random admissible point; False if the space is used up."""
        found = self.draw(key, num)
        if len(found):
            self.append(found[0])
        return bool(len(found))


def _remember(
    memory: dict[bytes, Any], names: list[bytes], x: np.ndarray,
    function: Callable[[np.ndarray], Any],
) -> list[Any]:
    """Values of a function of rows, each computed once per batch."""
    new = {name: i for i, name in enumerate(names) if name not in memory}
    if new:
        memory.update(zip(new, function(x[list(new.values())])))
    return [memory[name] for name in names]
