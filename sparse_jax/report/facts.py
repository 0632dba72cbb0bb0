"""What a report is of: a study at one moment, read once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.goals import Objectives, figure, front_of, matrix
from sparse_jax.study.finals import chosen
from sparse_jax.study.front import Member
from sparse_jax.study.opened import OpenStudy
from sparse_jax.study.record import Record, RoundRecord


class Facts(NamedTuple):
    """A study, and what was found out about it."""

    study: OpenStudy
    trials: list[Record]
    """All of them, in order of their number."""
    networks: list[Record]
    """Trials, then their networks at other cuts."""
    rounds: list[RoundRecord]
    members: list[Member]
    """Of the front; and the chosen network, if it is none of it."""
    best: Record | None
    """The chosen network: of the finals of the search, or else that of least validation
    error within the soft bounds."""
    tests: Mapping[str, float]
    """{row name: test accuracy}; empty if nobody asked."""
    guess: float
    """Validation error of always naming the largest class."""
    running: bool
    confusions: Mapping[str, np.ndarray] = {}
    """{row name: [K, K] validation images of class i that are taken for class j}; of
    networks that are not named the page measures them, if it can."""

    @property
    def error_title(self) -> str:
        """What the error of this study is, with its unit on a page."""
        given = self.study.settings.objectives
        balanced = 'balanced ' if given.balanced else ''
        return f'{balanced}validation error{" in int8" if given.quantized else ""} (%)'

    @property
    def accuracy_title(self) -> str:
        """The same of the accuracy, 1 - error."""
        return self.error_title.replace('error', 'accuracy')

    @property
    def shown(self) -> list[Record]:
        """Rows of the members: what is marked in pictures and listed."""
        return [member.row for member in self.members]

    @property
    def objectives(self) -> Objectives:
        """What was minimised."""
        return self.study.objectives

    @property
    def front(self) -> list[Record]:
        """Rows of the members that no other beats."""
        return front_of([member.row for member in self.members], self.objectives)

    @property
    def values(self) -> np.ndarray:
        """[N, K] objectives of all networks within the hard budgets."""
        return matrix([row for row in self.networks if row.ok], self.objectives)

    def is_best(self, row: Record) -> bool:
        """Whether it is the chosen network."""
        return self.best is not None and self.best.name == row.name


def gather(
    study: OpenStudy, members: Sequence[Member], tests: Mapping[str, float], *,
    running: bool = False,
) -> Facts:
    """Read a study for a report.

    Args:
      study: open; a search may go on in it.
      members: of its front, in order; the chosen network last, if it is none of it.
      tests: {row name: test accuracy} of those that met the test data.
      running: whether a search goes on in it.
    """
    return Facts(
        study, study.records.rows(), study.records.networks(), study.records.rounds(),
        list(members), chosen(study.records.networks(), study.objectives), tests,
        study.about.largest_class(balanced=study.settings.objectives.balanced)[1],
        running)


def brief(row: Record) -> str:
    """Its name and accuracy; a page has many marks of one network."""
    return f'{row.name}: {percent(1 - (row.error or 0.0))}'


def tip(row: Record, facts: Facts) -> str:
    """A network in a few words: name, accuracies, costs."""
    goals = [goal for goal in facts.objectives.used if goal.name != 'error']
    parts = [f'{row.name}: {percent(1 - (row.error or 0.0))} on validation']
    if row.name in facts.tests:
        parts.append(f'{percent(facts.tests[row.name])} on test')
    for goal in goals:
        value = figure(row, goal.name, facts.objectives)
        if value is not None:
            parts.append(f'{goal.title} {goal.text(value)}')
    return ', '.join(parts)


def percent(share: float) -> str:
    """'95.33 %'."""
    return f'{100 * share:.2f} %'


def anchor(row: Record) -> str:
    """Of the part of the page that describes a network."""
    return f'network-{row.name.replace("@", "-at-")}'


def mark_of(row: Record) -> str:
    """What all marks of a network have in common."""
    return row.name.replace('@', '-at-')
