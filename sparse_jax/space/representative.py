"""One point for all those of the table that build the same network."""

from sparse_jax.space import architecture, budget
from sparse_jax.space.layer_types import LAYER_TYPES, reduced_channels
from sparse_jax.space.sparse_space import Space


def choose(space: Space, point: dict, fan_in: dict[str, int] | None) -> None:
    """Replace what the network depends on only through its sizes.

    Downsample fractions act through a number of maps, the FC budget and its fractions
    through the units that they give: each is replaced by one choice among those that
    give the same sizes.

    Args:
      space: the table.
      point: every value by name; it is changed in place.
      fan_in: what each FC branch reads, in elements; None of a network that is not
        feasible, whose budget stays as it is.
    """
    _reductions(space, point)
    if fan_in is not None and architecture.branches(point):
        units = architecture.fc_units(point, fan_in)
        point.update(budget.of_units(space, point, units, fan_in))


def _reductions(space: Space, point: dict) -> None:
    """Replace each downsample fraction by the one its number of maps stands for."""
    shape = space.input_shape
    channels = 1 if point['downsample-input-in-depth'] else shape[2]
    for k in range(1, point['num-conv-blocks'] + 1):
        entering = channels
        for l in range(1, point[f'num-conv-layers-block-{k}'] + 1):
            tag = f'block-{k}-layer-{l}'
            if LAYER_TYPES[point[f'layer-type-{tag}']].reduces:
                name = f'downsample-{tag}'
                maps = reduced_channels(point[name], channels)
                point[name] = min(maps / channels, 0.5)
            channels = point[f'num-filters-{tag}']
        if architecture.residual(point, k):
            channels = max(channels, entering)
