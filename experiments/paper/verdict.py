"""Rows of the paper against networks found here: won, or by how much not."""

from collections.abc import Mapping, Sequence

from experiments.paper.held import Held, Spread
from experiments.paper.ours import Ours
from experiments.paper.published import Published
from experiments.paper.standing import FIELDS
from sparse_jax.objectives.graph_costs import Totals

WON = 'won'


def tests_of(held: Held[Ours]) -> Spread:
    """Test accuracy in int8 over the seeds."""
    return held.over(lambda one: one.test)


def spread_text(held: Held[Ours]) -> str:
    """'median of 3 seeds 73.10 % (72.40 to 73.90)'; '' for one seed."""
    if len(held.found) == 1:
        return ''
    median, least, most = (100 * value for value in tests_of(held))
    return (f'median of {len(held.found)} seeds {median:.2f} % '
            f'({least:.2f} to {most:.2f})')


def is_result(row: Published, held: Held[Ours]) -> bool:
    """Whether a search says something of a row: one was held to it, or it is won
    nevertheless."""
    return held.aimed or verdict(row, held).startswith(WON)


def costs_of(costs: Totals, table: str) -> dict[str, int]:
    """{field of `Published`: figure} of what a table counts."""
    return {field: getattr(costs, total) for field, total in FIELDS[table].items()}


def verdict(row: Published, held: Held[Ours]) -> str:
    """`verdict_of` a search: by the median of its seeds, and the largest costs.

    A row is not won where a seed has no network within its limits. What is won by
    networks of one output unit for two classes alone is told.
    """
    built, paper = (
        verdict_of(row, tests_of(held).median, _largest(row, costs)) for costs in (
            [one.costs for one in held.found],
            [one.costs if row.counts_one_unit else one.two_units
             for one in held.found]))
    if held.without and not built.startswith('not won'):
        return f'not won: no network within the limits in {", ".join(held.without)}'
    return both_ways(built, paper)


def both_ways(built: str, paper: str) -> str:
    """The verdict as a network is built, and what the paper's count of two output
    units for two classes makes of it, where that matters."""
    if built == paper or built.startswith('not won'):
        return built
    return f'{built} as built; with two output units {paper.removeprefix("not won: ")}'


def _largest(row: Published, costs: Sequence[Totals]) -> dict[str, int]:
    """The most of what the table of a row counts."""
    counted = [costs_of(one, row.table) for one in costs]
    return {field: max(one[field] for one in counted) for field in counted[0]}


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

