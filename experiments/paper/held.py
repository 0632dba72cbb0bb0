"""The networks of one search, a seed each, that are held against something."""

import statistics
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar


class Validated(Protocol):
    """A network of a search."""

    @property
    def validation(self) -> float:
        """Accuracy in 0 to 1, as the search measures it."""
        ...


Network = TypeVar('Network', bound=Validated)


class Spread(NamedTuple):
    """A figure over seeds."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value."""
    values = list(values)
    return Spread(statistics.median(values), min(values), max(values))


class Held(NamedTuple, Generic[Network]):
    """A search with all of its seeds."""

    found: tuple[Network, ...]
    """The network of every seed, the best by validation first; at least one."""
    without: tuple[str, ...] = ()
    """Names of its studies that have no network within the limits."""
    aimed: bool = True
    """Whether any search on these data, not only this one, was limited as much as what
    it is held against."""

    @property
    def best(self) -> Network:
        """What is shown: of the best validation accuracy."""
        return self.found[0]

    @property
    def validation(self) -> float:
        """Median over the seeds."""
        return self.over(lambda one: one.validation).median

    def over(self, figure: Callable[[Network], float]) -> Spread:
        """A figure of its networks over the seeds."""
        return spread(map(figure, self.found))
