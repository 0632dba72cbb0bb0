"""Rows of the paper against networks found here: won, or by how much not."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from experiments.paper.ours import Ours
from experiments.paper.published import Published
from sparse_jax.objectives.graph_costs import Totals

WON = 'won'


class Counted(Protocol):
    """A network whose costs are known as the paper counts them."""

    @property
    def costs(self) -> Totals:
        """Of the network."""
        ...


def costs_of(ours: Counted, table: str) -> dict[str, int]:
    """{field of `Published`: figure} of what a table counts, as the paper counts it."""
    if table == 'A':
        return {'model_size': ours.costs.model_size}
    memory = (ours.costs.working_memory if table == 'B'
              else ours.costs.working_memory_weights)
    return {'working_memory': memory, 'model_size': ours.costs.model_size}


def excess(row: Published, ours: Ours) -> float:
    """The largest ratio of a cost of ours to that of a row; 1 or less is within it."""
    ratios = [value / known for field, value in costs_of(ours, row.table).items()
              if (known := getattr(row, field)) is not None]
    return max(ratios, default=0.0)


def pick(row: Published, found: Sequence[Ours]) -> Ours | None:
    """The network that is held against a row of the paper, by validation and costs.

    Returns:
      Of the networks of its table and data, random searches left out, that of the best
      validation accuracy within its costs; if none is within them, that which is least
      above them; None without any.
    """
    same = [ours for ours in found
            if (ours.table, ours.set) == (row.table, row.set) and not ours.is_random]
    within = [ours for ours in same if excess(row, ours) <= 1]
    if within:
        return max(within, key=lambda ours: (ours.validation, ours.name))
    return min(same, key=lambda ours: (excess(row, ours), ours.name), default=None)


def verdict(row: Published, ours: Ours) -> str:
    """`verdict_of` a network that was found here."""
    return verdict_of(row, ours.test, costs_of(ours, row.table))


def verdict_of(row: Published, test: float, costs: Mapping[str, int]) -> str:
    """'won' if every figure is at least as good, on test images and in int8; else what
    is missing, or which figure of the row nobody knows.

    Args:
      row: of the paper.
      test: accuracy of the int8 network, 0 to 1.
      costs: what `costs_of` gives for its table.
    """
    missing = []
    accuracy = round(100 * test, 2)
    if row.accuracy is not None and accuracy < row.accuracy:
        missing.append(f'{row.accuracy - accuracy:.2f} points of accuracy')
    names = {'working_memory': 'B of working memory too many',
             'model_size': 'non-zeros too many' if row.table == 'A'
             else 'B of model too many'}
    unknown = [] if row.accuracy is not None else ['accuracy']
    for field, value in costs.items():
        known = getattr(row, field)
        if known is None:
            unknown.append(field.replace('_', ' '))
        elif value > known:
            missing.append(f'{value - known:,} {names[field]}')
    if missing:
        return 'not won: ' + ', '.join(missing)
    return f'open: {unknown[0]} of the row is not known' if unknown else WON
