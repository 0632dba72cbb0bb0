"""The front of several studies together, and which study has each network."""

from typing import Any, NamedTuple

from sparse_jax.comparison.studies import Compared, Comparison
from sparse_jax.objectives.goals import front_of, hypervolume_of
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.study.record import Record


class Member(NamedTuple):
    """A network and the study that has it."""

    study: Compared
    row: Record

    @property
    def ok(self) -> bool:
        """Whether it counts."""
        return self.row.ok

    @property
    def error(self) -> float | None:
        """On validation images."""
        return self.row.error

    @property
    def costs(self) -> Totals | None:
        """As counted."""
        return self.row.costs

    @property
    def measured(self) -> dict[str, float] | None:
        """{goal: figure} of what was measured on the host."""
        return self.row.measured

    @property
    def name(self) -> str:
        """'method=none,seed=0: 12@-1'."""
        return f'{self.study.name}: {self.row.name}'


def front(comparison: Comparison) -> list[Member]:
    """The networks that none of any study beats, sorted by the first cost; of equal
    ones that of the first study."""
    members: list[Any] = [Member(study, row) for study in comparison.studies
                          for row in study.networks if row.ok]
    return front_of(members, comparison.objectives)


def hypervolume(comparison: Comparison) -> float:
    """Of the networks of all studies together."""
    return hypervolume_of(front(comparison), comparison.objectives)
