"""How far a search is, kept up to date trial by trial: nothing of it reads a study."""

from collections.abc import Iterable, Sequence

from sparse_jax.objectives.goals import Objectives, front_of, hypervolume_of
from sparse_jax.search import finals
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import PENDING, Record


class Standing:
    """Finished trials, front, hypervolume and the best points.

    What a network on the front beats stays beaten, so that the front of all is that of
    the last front and of what is new; so are the best.
    """

    def __init__(
        self, objectives: Objectives, networks: Sequence[Record] = (), best: int = 0,
        screened: Objectives | None = None,
    ):
        """
        Args:
          objectives: the goals.
          networks: all of the study so far, also of trials that have not finished.
          best: how many of the best points are kept.
          screened: what the best are judged by, see `finals.best`.
        """
        self.objectives, self._screened = objectives, screened
        self._most = best
        self.done = 0
        self.continued = 0
        """Trials that go on with the training of another, or train its point again."""
        self.front: tuple[Record, ...] = ()
        self.best: tuple[Record, ...] = ()
        """See `finals.best`."""
        self.hypervolume = 0.0
        self.expect(row.trial for row in networks if row.offset is None)
        self.add(networks)

    def expect(self, trials: Iterable[Trial]) -> None:
        """Count further trials that are to be trained."""
        self.continued += sum(trial.origin is not None for trial in trials)

    def add(self, networks: Sequence[Record]) -> None:
        """Count what has finished: trials, and their networks at other cuts."""
        self.done += sum(
            row.status != PENDING and row.offset is None for row in networks)
        # As the study has them: of equal networks the first is on the front.
        order = lambda row: (row.offset is not None, row.trial.number, row.offset or 0)
        rows = sorted((*self.front, *networks), key=order)
        self.front = tuple(front_of(rows, self.objectives))
        self.hypervolume = hypervolume_of(self.front, self.objectives)
        if self._most:
            rows = sorted((*self.best, *networks), key=order)
            self.best = tuple(finals.best(
                rows, self.objectives, self._screened)[:self._most])
