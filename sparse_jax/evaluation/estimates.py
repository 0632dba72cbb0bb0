"""What networks cost on a board before they are trained and pruned.

Measuring one takes milliseconds, too long for the thousands that a design looks at. So
one network of each structure is measured, and others of other widths follow from it.
"""

import dataclasses
import math
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from sparse_jax import data, ops
from sparse_jax.evaluation.chip import board_costs
from sparse_jax.export.chip.boards import Board
from sparse_jax.model.untrained import untrained
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.quantize.quantized import UnfitNetworkError
from sparse_jax.space.architecture import Graph

Estimate = Callable[[Graph], Mapping[str, float]]
"""Exact feasible graph -> {cost on the board: figure}; those that are not known are
left out."""
REQUANTISED = 9
"""Bytes of a channel beside its weights: bias, multiplier and shift of its sums."""
_OCTAVE = 2.0
"""Times the MACs from one network that is measured to the next of the same
structure."""
_TIMES = ('instructions', 'latency', 'energy')
"""Costs that grow with the MACs."""


class _Measured(NamedTuple):
    """A network, and what it costs."""

    figures: Mapping[str, float]
    macs: int
    bytes: int


def board_estimates(dataset: data.Dataset, board: Board) -> Estimate:
    """Costs on a board of networks that nothing prunes.

    Args:
      dataset: two of its training images calibrate the int8 networks.
      board: the costs of the table that its file says enough for.

    Returns:
      A function of exact feasible graphs. Flash is that of a network of the same
      structure, with the tables of this one; what takes time is scaled by the
      products; RAM is left to `objectives.lower_bounds`, which has it exactly.
    """
    known: dict[Hashable, _Measured | None] = {}

    def estimate(graph: Graph) -> dict[str, float]:
        macs, size = graph_totals(graph).macs, _table_bytes(graph)
        key = (_structure(graph), round(math.log(max(macs, 1), _OCTAVE)))
        if key not in known:
            known[key] = _measured(graph, dataset, board)
        like = known[key]
        if like is None:
            return {}
        figures = {name: like.figures[name] * macs / like.macs
                   for name in _TIMES if name in like.figures}
        return figures | {'flash': like.figures['flash'] + size - like.bytes}

    return estimate


def _measured(graph: Graph, dataset: data.Dataset, board: Board) -> _Measured | None:
    net = untrained(graph, mean=dataset.mean, std=dataset.std)
    try:
        int8 = quantize(net, calibrate(net, dataset.train.images[:2]))
        figures = board_costs(int8, board)
    except UnfitNetworkError:
        return None
    return _Measured(figures, max(graph_totals(graph).macs, 1), _table_bytes(graph))


def _structure(graph: Graph) -> Hashable:
    """What networks have in common that differ in widths alone."""
    nodes = tuple(dataclasses.replace(node, channels=0) for node in graph.nodes)
    return dataclasses.replace(graph, nodes=nodes)


def _table_bytes(graph: Graph) -> int:
    """Of all weights and of what stands beside them, but for descriptors."""
    shapes = graph.shapes()
    return sum(
        math.prod(ops.weights(node).shape(node, shapes)) + REQUANTISED * node.channels
        for node in graph.counted.weighted_nodes)
