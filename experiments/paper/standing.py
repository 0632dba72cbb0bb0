"""Which search stands for a row of the paper, over all studies that are given.

Searches that differ by seed and clock alone are one, and their median decides. All
here comes from validation images and costs.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from experiments.paper.held import Held
from experiments.paper.published import Published
from experiments.paper.searched import Choice, Limits
from sparse_jax.objectives.graph_costs import Totals

FIELDS = {'A': {'model_size': 'model_size'},
          'B': {'model_size': 'model_size', 'working_memory': 'working_memory'},
          'C': {'model_size': 'model_size', 'working_memory': 'working_memory_weights'},
          'D': {'model_size': 'model_size',
                'working_memory': 'working_memory_without_image'}}
"""{table: {field of `Published`: field of `Totals`}} of what a table counts."""


class Search(Protocol):
    """A search with networks: an open study (`Searched`) or a kept winner (`Kept`)."""

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        ...

    @property
    def set(self) -> str:
        """Data set and number of classes, as in mnist-10."""
        ...

    @property
    def seed(self) -> int:
        """Of the search."""
        ...

    @property
    def kind(self) -> str:
        """What repetitions with other seeds have in common."""
        ...

    @property
    def is_random(self) -> bool:
        """Whether it is a competitor."""
        ...

    def aims_at(self, limits: Limits) -> bool:
        """Whether it was limited at least as much in all these costs."""
        ...

    def own(self) -> Choice | None:
        """What it stands for."""
        ...

    def within(self, limits: Limits) -> Choice | None:
        """The network that is held against a row of these limits."""
        ...


class Found(NamedTuple):
    """A network of one search."""

    search: Search
    choice: Choice

    @property
    def validation(self) -> float:
        """Accuracy in 0 to 1, as the search measures it."""
        return self.choice.validation


def limits_of(row: Published) -> dict[str, int]:
    """The most of every cost that a row of the paper allows, as far as it is known."""
    return {total: known for field, total in FIELDS[row.table].items()
            if (known := getattr(row, field)) is not None}


def excess(row: Published, costs: Totals) -> float:
    """The largest ratio of a cost to that of a row; 1 or less is within it."""
    return max((getattr(costs, field) / most
                for field, most in limits_of(row).items()), default=0.0)


def groups(searches: Iterable[Search]) -> list[list[Search]]:
    """Searches of one kind (`Search.kind`), together, in the order of the first."""
    found: dict[tuple[str, str], list[Search]] = {}
    for search in searches:
        found.setdefault((search.set, search.kind), []).append(search)
    return [sorted(group, key=lambda one: (one.seed, one.name))
            for group in found.values()]


def stand(chosen: Iterable[tuple[Search, Choice | None]]) -> Held[Found] | None:
    """What a search has, of the choice of each of its studies."""
    chosen = list(chosen)
    found = [Found(one, choice) for one, choice in chosen if choice is not None]
    if not found:
        return None
    found.sort(key=lambda one: (-one.choice.validation, one.search.name))
    return Held(tuple(found),
                tuple(one.name for one, choice in chosen if choice is None))


def own_of(group: Sequence[Search]) -> Held[Found] | None:
    """The networks that the studies of one search stand for."""
    return stand((one, one.own()) for one in group)


def held_against(row: Published, searches: Sequence[Search]) -> Held[Found] | None:
    """The search that stands for a row of the paper.

    Of the searches on its data, random ones left out: that of the best median
    validation accuracy among those with a network within all limits of the row for
    every seed, then among those with one for some. If there is none, the network that
    is least above the limits, of those that studies stand for.

    Returns:
      None if there is no search with a network.
    """
    same = groups(one for one in searches if one.set == row.set and not one.is_random)
    limits = limits_of(row)
    aimed = any(one.aims_at(limits) for group in same for one in group)
    stands = [found for group in same if (
        found := stand((one, one.within(limits)) for one in group))]
    if stands:
        best = max(stands, key=lambda one: (
            not one.without, one.validation, one.best.search.name))
        return best._replace(aimed=aimed)
    own = [found for group in same if (whole := own_of(group)) for found in whole.found]
    nearest = min(own, default=None, key=lambda one: (
        excess(row, one.choice.costs), one.search.name))
    return None if nearest is None else Held((nearest,), aimed=aimed)
