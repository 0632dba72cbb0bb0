"""The table's weight budget of the fully connected branches, from their units."""

from sparse_jax.space import architecture
from sparse_jax.space.dimensions import Dimension
from sparse_jax.space.sparse_space import Space


def of_units(
    space: Space, point: dict, units: dict[str, int], fan_in: dict[str, int]
) -> dict[str, float]:
    """Values of the rows of total and fractions that give the branches `units`, or if
    no step of the table gives these, the next larger ones.

    Args:
      space: the table.
      point: a point of it, for its branches and their merge.
      units: units of each branch.
      fan_in: what each branch reads, in elements.
    """
    names = architecture.branches(point)
    # A branch has its units while its share of the budget lies in [low, high).
    low = {b: units[b] * fan_in[b] if units[b] > 1 else 0 for b in names}
    high = {b: (units[b] + 1) * fan_in[b] for b in names}
    lowest, highest = sum(low.values()), sum(high.values())
    total = _grid_value(space['total-fc-layer-weights'], lowest, highest)
    if lowest <= total < highest:
        position = (total - lowest) / (highest - lowest)
        share = {b: low[b] + position * (high[b] - low[b]) for b in names}
    elif len(names) > 1 and point['merge-type'] == 'Sum' and total >= highest:
        # Its smallest branch counts: the first one, here.
        first, rest = names[0], names[1:]
        share = {first: (units[first] + 0.5) * fan_in[first]}
        scale = (total - share[first]) / sum(fan_in[b] for b in rest)
        share |= {b: scale * fan_in[b] for b in rest}
    else:
        share = {b: total * high[b] / highest for b in names}
    rows: dict[str, float] = {'total-fc-layer-weights': total}
    if len(names) > 1:
        rows |= {f'weight-fraction-{b}-branch': share[b] / total for b in names}
    return rows


def _grid_value(dimension: Dimension, lowest: int, highest: int) -> int:
    """The grid value nearest to the middle of [lowest, highest), or the next above, or
    the last."""
    step = int(dimension.step)
    first = max(-(-lowest // step) * step, int(dimension.low))
    first = min(first, int(dimension.high))
    last = min((highest - 1) // step * step, int(dimension.high))
    middle = step * round((lowest + highest) / (2 * step))
    return max(min(middle, last), first)
