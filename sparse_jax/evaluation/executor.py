"""What runs trainings: one contract, so that a search need not know where they run.

`local.LocalExecutor` has threads on this machine, `hosts.HostsExecutor` the devices of
several, `cluster.ray_executor.RayExecutor` workers that come and go. Another one is a
class with the methods below; it is given to `search.setup.build` as a factory of
(recipe, shared, machine), and no file of the library changes. The groups that it gets
are plain data: frozen dataclasses, named tuples and host arrays, which can be sent
elsewhere.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from sparse_jax.evaluation.grouping import Group, Member
from sparse_jax.evaluation.machine import Machine
from sparse_jax.evaluation.recipe import Recipe, Shared, Trained
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.study.outcome import Outcome

Finish = Callable[[Skeleton, Member, Trained], Outcome]
"""(skeleton, member, its padded host results) -> outcome. Host work that may take as
long as a training where networks are measured in int8: it is safe to call in threads,
beside trainings that run."""

Announce = Callable[[str, int], None]
"""(phase, members), for the reader: 'compiling' or 'training' so many candidates."""


class Stats(NamedTuple):
    """What an executor has done since it was made."""

    programs: int
    """Different programs that trained something."""
    compile_seconds: float
    """Seconds spent compiling; it may overlap trainings."""


class Executor(Protocol):
    """Runs trainings, several at a time where it can.

    What a training gives depends on its member alone: on the group's skeleton and
    epochs, the member's candidate, key and parent, and the recipe and data that the
    executor was made with; never on its neighbours, their order or their number.
    `recipe.evaluate_one` says what is computed, for one member; an implementation
    decides where, when and how many at a time.

    A search calls `run` once per batch and `prefetch` before it, with a lag also from
    another thread while the batch before trains. It reads `stats` between batches and
    calls `close` at its end. A member that fails is an outcome with a status, not
    an exception.
    """

    def prefetch(self, groups: Sequence[Group]) -> None:
        """Be told of groups that `run` will be given, the longest first; may compile
        ahead, or do nothing.

        Returns at once.
        """
        ...

    def run(
        self, groups: Sequence[Group], finish: Finish, announce: Announce
    ) -> Iterator[list[Outcome]]:
        """Train the members of some groups.

        Args:
          groups: each of one skeleton, and so of one compiled program; the longest
            first.
          finish: makes the outcome of a member from its results.
          announce: called when a phase begins.

        Yields:
          Outcomes, in any order and in lists of any length; every member once. What
          has been yielded is stored and survives an interrupt, so lists are short.
          `train_seconds` is filled in. A member whose program does not fit into
          memory has the status `OUT_OF_MEMORY`.

        Raises:
          Exception: any fault other than of a single candidate ends the search; the
            same command continues with what has not been yielded.
        """
        ...

    def slots(self, skeleton: Skeleton) -> int:
        """Candidates that one call of a skeleton's program trains, for the reader."""
        ...

    def stats(self) -> Stats:
        """What has been done so far."""
        ...

    def close(self) -> None:
        """Give back what is held; called once, when the search has ended however."""
        ...


ExecutorFactory = Callable[[Recipe, Shared, Machine], Executor]
"""(what is computed, data that all trainings share, what the configuration says of the
machine) -> executor."""
