"""A study that is asked for several rows of the paper: chosen on validation images.

Its networks are read once.
"""

import functools
import math
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from sparse_jax.objectives import compact_costs
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import flatten, to_tree
from sparse_jax.study import folder
from sparse_jax.study import front as fronts
from sparse_jax.study.finals import chosen
from sparse_jax.study.opened import OpenStudy
from sparse_jax.study.record import Record

Limits = Mapping[str, int]
"""{field of `Totals`: the most of it}."""
_LATER = 'working_memory_without_image'
"""A count that older studies do not have: 0 in them."""


class Choice(NamedTuple):
    """A network of a study that has not met the test images."""

    network: str
    """As launch.report names it."""
    validation: float
    """Accuracy in 0 to 1, as the search measures it."""
    costs: Totals
    """As the network is built: two classes are one output unit."""


class Searched:
    """An open study."""

    def __init__(self, study: OpenStudy) -> None:
        """Read its networks.

        Args:
          study: open; it stays so as long as networks are chosen.
        """
        self.study = study
        self.networks: list[Record] = study.records.networks()
        self._stored = study.records.stored_weights()
        self._counted: dict[str, Totals] = {}

    @property
    def name(self) -> str:
        """Of its folder."""
        return pathlib.Path(self.study.folder).absolute().name

    @property
    def set(self) -> str:
        """Data set and number of classes, as in mnist-10."""
        return f'{self.study.data_spec.base_name}-{self.study.dataset.num_classes}'

    @property
    def seed(self) -> int:
        """Of the search."""
        return self.study.settings.seed

    @property
    def is_random(self) -> bool:
        """Whether it is a competitor: random search over the same networks."""
        return self.study.settings.search.algorithm == 'random'

    @property
    def kind(self) -> str:
        """What repetitions with other seeds have in common."""
        return kind_of(self.study.settings, folder.teacher(self.study.records))

    def two_units(self, network: str) -> Totals | None:
        """Costs of a network with an output unit for each of two classes, as the paper
        counts; None if its own are counted so."""
        return fronts.as_two_units(self.study.network(network))

    @functools.cached_property
    def stands_for(self) -> Record | None:
        """What `study.finals.chosen` gives; None if no network is within its bounds."""
        return chosen(self.networks, self.study.objectives)

    @functools.cached_property
    def limits(self) -> dict[str, float]:
        """What the search was told."""
        return limits_told(self.study.objectives)

    def aims_at(self, limits: Limits) -> bool:
        """Whether the search was limited at least as much in all these costs."""
        return at_most(self.limits, limits)

    def costs(self, row: Record) -> Totals:
        """Costs of one of its networks whose weights it keeps, also those that were
        not counted yet when the study was made."""
        counted = row.figures[1]
        if counted.working_memory_without_image:
            return counted
        if row.name not in self._counted:
            self._counted[row.name] = compact_costs.costs(
                self.study.network(row.name).net)
        return self._counted[row.name]

    def own(self) -> Choice | None:
        """What the study stands for; None if no network is within its bounds."""
        row = self.stands_for
        return None if row is None else self._choice(row)

    def within(self, limits: Limits) -> Choice | None:
        """The network that is held against a row of the paper.

        What the study stands for, if that is within the limits. Else, of its networks
        that are, what it would stand for: of its finals the best mean, or the best
        validation accuracy. A study keeps the weights of its front and its best
        networks; others are none here.

        Args:
          limits: all hold.
        """
        own = self.stands_for
        if own is not None and self._fits(own, limits):
            return self._choice(own)
        objectives = self.study.objectives
        free = objectives._replace(
            bounds=tuple(float('inf') for _ in objectives.bounds))
        row = chosen(self.networks, free, lambda row: (
            row.ok and row.trial.number in self._stored and self._fits(row, limits)))
        return None if row is None else self._choice(row)

    def _fits(self, row: Record, limits: Limits) -> bool:
        """Whether a network is within all limits; it is read if it must be."""
        return fits(row.figures[1], limits) and (
            _LATER not in limits or fits(self.costs(row), limits))

    def _choice(self, row: Record) -> Choice:
        return Choice(row.name, 1 - row.figures[0], self.costs(row))


def limits_told(aims: Objectives) -> dict[str, float]:
    """{field of `Totals`: the most of it} of hard budgets and soft bounds."""
    found: dict[str, float] = {}
    for name, most in (*aims.budgets, *zip(aims.names[1:], aims.bounds[1:])):
        goal = aims.goal(name)
        if goal.in_program:
            field = aims.field(goal)
            found[field] = min(most, found.get(field, most))
    return found


def at_most(told: Mapping[str, float], limits: Limits) -> bool:
    """Whether what a search was told (`limits_told`) is at most these limits."""
    return all(told.get(field, math.inf) <= most for field, most in limits.items())


def fits(costs: Totals, limits: Limits) -> bool:
    """Whether costs are within all limits."""
    return all(getattr(costs, field) <= most for field, most in limits.items())


def kind_of(settings: Settings, teacher: str = '') -> str:
    """All settings but the seed, the place of the data, the limit of the clock (what a
    search took is shown beside it), and those of a search by gradient that was not
    asked for, as text.

    Args:
      settings: of a study.
      teacher: digest of what its teacher says, in place of where the file was.
    """
    tree = flatten(to_tree(settings))
    gradient = any(value == 'differentiable' for value in tree.values())
    kept = {name: value for name, value in sorted(tree.items())
            if name not in ('seed', 'data.path', 'search.max_minutes')
            and (gradient or not name.startswith('differentiable.'))}
    return repr(kept | {'data.soft_labels': teacher})
