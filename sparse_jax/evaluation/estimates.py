"""What networks cost on a board before they are trained and pruned.

Measuring one takes milliseconds, too long for the thousands that a design looks at. So
networks whose widths are powers of two are measured, and others of the same structure
follow from the nearest of them.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sparse_jax import data, ops
from sparse_jax.evaluation.chip import board_costs
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.code.c_tables import REQUANTISED_BYTES
from sparse_jax.model.untrained import untrained
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.ops.node import CLASSIFIER, Node
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.quantize.quantized import UnfitNetworkError
from sparse_jax.space.architecture import Graph

Estimate = Callable[[Graph], Mapping[str, float]]
"""Exact feasible graph -> {cost on the board: figure}; those that are not known are
left out."""
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
      A function of exact feasible graphs, whatever it was asked before. Flash is that
      of a network of the same structure, with the tables of this one; what takes time
      is scaled by the products; RAM is left to `objectives.lower_bounds`, which has it
      exactly.
    """
    known: dict[Graph, _Measured | None] = {}

    def estimate(graph: Graph) -> dict[str, float]:
        macs, size = graph_totals(graph).macs, _table_bytes(graph)
        near = _nearest(graph)
        if near not in known:
            known[near] = _measured(near, dataset, board)
        like = known[near]
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


def _nearest(graph: Graph) -> Graph:
    """The same structure with the nearest powers of two as widths.

    Equal widths stay equal, and those of the image and the classifier what they are:
    it is a network where the graph is one.
    """
    given = graph.input_shape[2]

    def width(node: Node) -> int:
        if node.name == CLASSIFIER or node.channels == given:
            return node.channels
        return 2 ** round(math.log2(node.channels))

    return dataclasses.replace(graph, nodes=tuple(
        dataclasses.replace(node, channels=width(node)) for node in graph.nodes))


def _table_bytes(graph: Graph) -> int:
    """Of all weights and of what stands beside them, but for descriptors."""
    shapes = graph.shapes()
    return sum(
        math.prod(ops.weights(node).shape(node, shapes))
        + REQUANTISED_BYTES * node.channels
        for node in graph.counted.weighted_nodes)
