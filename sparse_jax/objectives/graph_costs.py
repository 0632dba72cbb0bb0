"""Costs of an exact network before pruning, as Python integers.

Known before any training; an upper bound of what pruning leaves. The same counting
rules as `objectives.memory` (SpArSe eqs. 4-6), which works on traced pruned networks.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

from sparse_jax import ops
from sparse_jax.objectives.alive import Step, counted_image, most_alive
from sparse_jax.space.architecture import Graph, output_shape


class LayerRow(NamedTuple):
    """One layer of a network, for tables."""

    name: str
    kind: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    weights: int
    biases: int
    inputs: int
    outputs: int
    macs: int
    alive: int = 0
    """The most elements alive at once, without the image (`objectives.alive`)."""

    @property
    def input_output(self) -> int:
        """Working memory under (6), elements."""
        return self.inputs + self.outputs

    @property
    def input_weights(self) -> int:
        """Working memory under (5), elements."""
        return self.inputs + self.weights


class Totals(NamedTuple):
    """Whole-network costs in elements (one byte each when quantised)."""

    model_size: int
    working_memory: int
    working_memory_weights: int
    macs: int
    working_memory_without_image: int = 0
    """0 in what was stored before it was counted."""


def layer_rows(graph: Graph) -> list[LayerRow]:
    """Rows of the layers of a feasible exact graph; of two classes as it `folds`."""
    graph = graph.counted
    shapes = graph.shapes()
    read = {name: math.prod(shape) for name, shape in shapes.items()}
    rows, steps = [], []
    for node in graph.nodes:
        operation = ops.find(node.op)
        if not operation.costs.layer:
            read[node.name] = sum(read[t] for t in node.inputs)
            steps.append(Step(node.name, node.inputs))
            continue
        pools = node.pool > 1
        out = output_shape(node, shapes) if pools else shapes[node.name]
        outputs = math.prod(out)
        weights = 0 if operation.weights is None else math.prod(
            operation.weights.shape(node, shapes))
        rows.append((
            node.name, node.op, tuple(shapes[t] for t in node.inputs), out, weights,
            node.channels if node.biased else 0, sum(read[t] for t in node.inputs),
            outputs, weights * math.prod(out[1:])))
        steps.append(Step(node.name, node.inputs, node.channels, outputs,
                          read[node.name], pools))
    most = most_alive(steps, counted_image(graph, read['input']))
    return [LayerRow(*row, alive=int(alive)) for row, alive in zip(rows, most)]


@functools.lru_cache(maxsize=65_536)
def graph_totals(graph: Graph) -> Totals:
    """Totals of a feasible exact graph; remembered, for searches ask often."""
    return totals(layer_rows(graph))


def as_two_units(graph: Graph) -> Totals | None:
    """Totals as the paper counts two classes, by two output units; None if those of the
    graph are counted so."""
    if not graph.folds:
        return None
    return graph_totals(dataclasses.replace(graph, fold_binary=False))


def totals(rows: Sequence[LayerRow]) -> Totals:
    """Sums and maxima over the layers."""
    return Totals(
        sum(r.weights + r.biases for r in rows),
        max(r.input_output for r in rows),
        max(r.input_weights for r in rows),
        sum(r.macs for r in rows),
        max(r.alive for r in rows))
