"""The calls of a batch of groups, handed out to the threads that make them."""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from sparse_jax.evaluation import batching
from sparse_jax.evaluation.grouping import Group
from sparse_jax.evaluation.programs import MOST_KEPT, Program, Programs


class Call(NamedTuple):
    """Members of one group that are trained at once."""

    program: Program | None
    """None if the compiler ran out of memory."""
    group: Group
    """Of no more members than the program has slots."""


class Calls:
    """What is left to do of some groups; safe to share between threads.

    What compiles ends when it ends: `take` gives the calls of whichever programs exist,
    in the order of the groups.
    """

    def __init__(self, groups: Sequence[Group], programs: Programs):
        """groups: all of them, the longest first, so that none of these is left for the
        end; their programs begin to be compiled."""
        self._programs = programs
        self._lock = threading.Lock()
        self._waiting = list(groups)
        self._ready: list[Call] = []
        self._prefetch()

    def take(self) -> Call | None:
        """The next call, as soon as a program exists; None if nothing is left."""
        while True:
            with self._lock:
                group = None if self._ready else self._compiled()
                if group is not None:
                    self._waiting.remove(group)
                    self._ready += _split(group, self._programs.get(
                        group.skeleton, group.members[0].candidate))
                # The next ones, and what was dropped from memory meanwhile.
                self._prefetch()
                if self._ready:
                    return self._ready.pop(0)
                waiting = [g.skeleton for g in self._waiting]
            if not waiting:
                return None
            self._programs.wait_for_any(waiting)

    def again(self, call: Call, program: Program | None) -> None:
        """Do a call once more, with a program of fewer slots."""
        with self._lock:
            self._ready[:0] = _split(call.group, program)

    def drop(self) -> None:
        """Leave undone what has not begun."""
        with self._lock:
            self._waiting.clear()
            self._ready.clear()

    def compiling(self) -> int:
        """Candidates that wait for the compiler, if the next `take` does."""
        with self._lock:
            if self._ready or self._compiled() is not None:
                return 0
            return sum(len(group.members) for group in self._waiting)

    def _compiled(self) -> Group | None:
        """The first group whose program exists; the lock is held."""
        return next((g for g in self._waiting
                     if self._programs.is_ready(g.skeleton)), None)

    def _prefetch(self) -> None:
        """Compile ahead, no more than is kept."""
        for group in self._waiting[:MOST_KEPT]:
            self._programs.prefetch(group.skeleton, group.members[0].candidate)


def _split(group: Group, program: Program | None) -> list[Call]:
    """A group in calls; in one that fails without a program."""
    slots = len(group.members) if program is None else program.slots
    return [Call(program, group._replace(members=members))
            for members in batching.parts(group, slots)]
