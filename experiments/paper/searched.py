"""A study that is asked for several rows of the paper: chosen on validation images.

Its networks are read once, and what the paper counts of one is counted once.
"""

import functools
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import flatten, to_tree
from sparse_jax.study import front as fronts
from sparse_jax.study.finals import chosen
from sparse_jax.study.opened import OpenStudy
from sparse_jax.study.record import Record

Limits = Mapping[str, int]
"""{field of `Totals`: the most of it, as the paper counts}."""


class Choice(NamedTuple):
    """A network of a study that has not met the test images."""

    network: str
    """As launch.report names it."""
    validation: float
    """Accuracy in 0 to 1, as the search measures it."""
    costs: Totals
    """As the paper counts: two classes are two output units."""


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
        return kind_of(self.study.settings)

    def counted(self, row: Record) -> Totals:
        """Costs of a network as the paper counts them."""
        if row.name not in self._counted:
            own = row.figures[1]
            if self.study.dataset.num_classes == 2:
                own = fronts.as_two_units(self.study.network(row)) or own
            self._counted[row.name] = own
        return self._counted[row.name]

    @functools.cached_property
    def stands_for(self) -> Record | None:
        """The best network by validation that is within its budget as the paper counts.

        That of `study.finals.chosen`, unless its budget on the model size holds with
        one output unit for two classes and not with two: then that of the next point in
        order.
        """
        objectives = self.study.objectives
        most = dict(objectives.budgets).get('model_size')
        left = self.networks
        while (row := chosen(left, objectives)) is not None:
            if most is None or self.counted(row).model_size <= most:
                return row
            left = [other for other in left if other.trial.first != row.trial.first]
        return chosen(self.networks, objectives)

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
        if own is not None and fits(self.counted(own), limits):
            return self._choice(own)
        objectives = self.study.objectives
        free = objectives._replace(
            bounds=tuple(float('inf') for _ in objectives.bounds))
        # The paper never counts less than a network has.
        left = [row for row in self.networks if row.ok and fits(row.figures[1], limits)
                and row.trial.number in self._stored]
        while (row := chosen(left, free)) is not None:
            if fits(self.counted(row), limits):
                return self._choice(row)
            left = [other for other in left if other.name != row.name]
        return None

    def _choice(self, row: Record) -> Choice:
        return Choice(row.name, 1 - row.figures[0], self.counted(row))


def fits(costs: Totals, limits: Limits) -> bool:
    """Whether costs are within all limits."""
    return all(getattr(costs, field) <= most for field, most in limits.items())


def kind_of(settings: Settings) -> str:
    """All settings but the seed, the place of the data, the limit of the clock (what a
    search took is shown beside it), and those of a search by gradient that was not
    asked for, as text."""
    tree = flatten(to_tree(settings))
    gradient = any(value == 'differentiable' for value in tree.values())
    kept = {name: value for name, value in sorted(tree.items())
            if name not in ('seed', 'data.path', 'search.max_minutes')
            and (gradient or not name.startswith('differentiable.'))}
    return repr(kept)
