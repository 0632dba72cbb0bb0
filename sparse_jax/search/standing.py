"""How far a search is, kept up to date trial by trial for those who watch it."""

from collections.abc import Sequence

from sparse_jax.objectives.goals import Objectives, front_of, hypervolume_of
from sparse_jax.study.records import PENDING, Record


class Standing:
    """Finished trials, front and hypervolume; telling them reads no study.

    What a network on the front beats stays beaten, so that the front of all is that of
    the last front and of what is new.
    """

    def __init__(self, objectives: Objectives, networks: Sequence[Record] = ()):
        """networks: all of the study so far."""
        self._objectives = objectives
        self.done = 0
        self.front: tuple[Record, ...] = ()
        self.hypervolume = 0.0
        self.add(networks)

    def add(self, networks: Sequence[Record]) -> None:
        """Count further networks: trials, and finished ones at other cuts."""
        self.done += sum(
            row.status != PENDING and row.offset is None for row in networks)
        # As the study has them: of equal networks the first is on the front.
        rows = sorted((*self.front, *networks), key=lambda row: (
            row.offset is not None, row.trial.number, row.offset or 0.0))
        self.front = tuple(front_of(rows, self._objectives))
        self.hypervolume = hypervolume_of(self.front, self._objectives)
