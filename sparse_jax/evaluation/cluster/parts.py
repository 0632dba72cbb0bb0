"""Which worker trains what next; pure of clusters."""

import collections
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sparse_jax.evaluation.grouping import Group, part
from sparse_jax.model.skeleton import Skeleton

SPLIT = 2
"""Workers that may end with a part of several members before those go out one by one:
one of them may be the reason."""


class Part(NamedTuple):
    """Members of one group that go to one worker."""

    group: Group
    lost: int = 0
    """Workers that ended while they trained it, their nodes living on."""


class Queue:
    """Parts that wait for a worker.

    A worker first gets a part whose program it holds, then one whose program nobody
    has begun to compile, then one of the group with most members left.
    """

    def __init__(self, groups: Sequence[Group], workers: int, unit: int):
        """
        Args:
          groups: all that is to be trained.
          workers: that share it; others may join.
          unit: members that one worker trains at once.
        """
        members = sum(len(group.members) for group in groups)
        # Two parts for every worker, so that none waits long for the last one.
        calls = -(-members // (2 * max(1, workers) * unit))
        self._waiting = [Part(part(group, slice(start, start + calls * unit)))
                         for group in groups
                         for start in range(0, len(group.members), calls * unit)]
        self._begun: set[Skeleton] = set()

    def __len__(self) -> int:
        """Parts that wait."""
        return len(self._waiting)

    def take(self, holds: AbstractSet[Skeleton]) -> Part | None:
        """The next part of a worker that holds some programs; None if nothing waits."""
        if not self._waiting:
            return None
        taken = self._waiting.pop(self._next(holds))
        self._begun.add(taken.group.skeleton)
        return taken

    def ahead(self, holds: AbstractSet[Skeleton]) -> Group | None:
        """What a worker may compile beside the part that it has just got.

        Returns:
          Of the part that it would get next, if it does not hold the program.
        """
        if not self._waiting:
            return None
        group = self._waiting[self._next(holds)].group
        if group.skeleton in holds:
            return None
        self._begun.add(group.skeleton)
        return group

    def give_back(self, lost: Part) -> None:
        """Let another worker train a part, before all that waits."""
        members = [lost.group]
        if lost.lost >= SPLIT:
            members = [part(lost.group, slice(i, i + 1))
                       for i in range(len(lost.group.members))]
        self._waiting[:0] = [Part(group, lost.lost) for group in members]

    def _next(self, holds: AbstractSet[Skeleton]) -> int:
        left: collections.Counter[Skeleton] = collections.Counter()
        for waiting in self._waiting:
            left[waiting.group.skeleton] += len(waiting.group.members)

        def rank(index: int) -> tuple[bool, bool, int, int]:
            skeleton = self._waiting[index].group.skeleton
            return (skeleton not in holds, skeleton in self._begun, -left[skeleton],
                    index)

        return min(range(len(self._waiting)), key=rank)
