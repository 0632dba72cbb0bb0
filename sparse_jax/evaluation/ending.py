"""Two executors as one: what the end of a search trains means something else."""

from collections.abc import Callable, Iterator, Sequence

from sparse_jax.evaluation.executor import Announce, Executor, Finish, Stats
from sparse_jax.evaluation.grouping import Group
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.study.outcome import FINAL, Outcome


class EndExecutor:
    """Trains rounds with one executor and finals with another; see `executor.Executor`.

    The second one is made when there are finals: it has programs and a copy of the data
    of its own.
    """

    def __init__(self, rounds: Executor, make_end: Callable[[], Executor]):
        """
        Args:
          rounds: trains all groups but those of the end.
          make_end: gives the executor of these.
        """
        self.rounds, self.end = rounds, None
        self._make_end = make_end

    def prefetch(self, groups: Sequence[Group]) -> None:
        """Start compiling the programs of some groups, in their order."""
        for executor, some in self._shared_out(groups):
            executor.prefetch(some)

    def run(
        self, groups: Sequence[Group], finish: Finish, announce: Announce
    ) -> Iterator[list[Outcome]]:
        """Train some groups; yields the outcomes of one call after another."""
        for executor, some in self._shared_out(groups):
            yield from executor.run(some, finish, announce)

    def slots(self, skeleton: Skeleton) -> int:
        """Candidates per call of a skeleton's program, as far as it is known."""
        return self.rounds.slots(skeleton)

    def stats(self) -> Stats:
        """Programs and seconds of both: a skeleton may have one of each."""
        each = [executor.stats() for executor in self._made]
        return Stats(sum(stats.programs for stats in each),
                     sum(stats.compile_seconds for stats in each))

    def close(self) -> None:
        """Close both."""
        for executor in self._made:
            executor.close()

    @property
    def _made(self) -> list[Executor]:
        return [self.rounds] if self.end is None else [self.rounds, self.end]

    def _shared_out(
        self, groups: Sequence[Group]
    ) -> list[tuple[Executor, list[Group]]]:
        """Groups by who trains them; of an executor without any there is nothing."""
        ends = [is_end(group) for group in groups]
        if any(ends) and self.end is None:
            self.end = self._make_end()
        parts = [(executor, [g for g, of_end in zip(groups, ends) if of_end == wanted])
                 for wanted, executor in enumerate(self._made)]
        return [(executor, some) for executor, some in parts if some]


def is_end(group: Group) -> bool:
    """Whether a group is trained at the end of a search."""
    return group.members[0].trial.rung == FINAL
