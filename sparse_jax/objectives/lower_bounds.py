"""What a network costs at least, whatever pruning removes: known before training.

A network that is not empty has a path from the image to the classifier on which every
layer keeps a weight and a unit. Each cost is bounded on its own, by the cheapest path.
"""

import functools
import math
from typing import NamedTuple

from sparse_jax import ops
from sparse_jax.objectives.alive import IMAGE, counted_image
from sparse_jax.objectives.goal import Goal
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.ops.operation import Shapes
from sparse_jax.space.architecture import CLASSIFIER, Graph, Node, output_shape


class Least(NamedTuple):
    """Lower bounds of the costs of a network; the names are those of `Totals`."""

    model_size: int
    working_memory: int
    working_memory_weights: int
    macs: int
    working_memory_without_image: int
    ram: int
    """Bytes of the buffer plan: a layer's input and pooled output live together,
    unless it works in place."""


def not_worth_training(
    graph: Graph, *, max_weights: int, max_macs: int, objectives: Objectives,
    prunes: bool,
) -> bool:
    """Whether a feasible exact graph is over a limit before pruning (0 for none), or
    over a hard budget whatever pruning removes."""
    costs = graph_totals(graph)
    large = any(limit and value > limit for limit, value in (
        (max_weights, costs.model_size), (max_macs, costs.macs)))
    return large or cannot_fit(graph, objectives, prunes)


def cannot_fit(graph: Graph, objectives: Objectives, prunes: bool) -> bool:
    """Whether no training of a feasible exact graph meets the hard budgets.

    Flash, instructions and latency depend on the trained weights: the budgets of
    these refuse nothing before training.
    """
    bounds = [(bound_of(objectives.goal(name), graph, objectives, prunes), most)
              for name, most in objectives.budgets]
    return any(bound is not None and bound > most for bound, most in bounds)


def bound_of(
    goal: Goal, graph: Graph, objectives: Objectives, prunes: bool
) -> float | None:
    """The least that a training of a feasible exact graph can give; None if nothing
    is known."""
    if callable(goal.least):
        return goal.least(graph)
    if not goal.least:
        return None
    field = objectives.field(goal) if goal.in_program else goal.least
    return getattr(least(graph, prunes), field)


@functools.lru_cache(maxsize=65_536)
def least(graph: Graph, prunes: bool = True) -> Least:
    """Lower bounds of the costs of a feasible exact graph.

    Without pruning all but the last are the network's own costs (weights that happen to
    be exactly 0 are neglected).
    """
    graph = graph.counted
    if not prunes:
        return Least(*graph_totals(graph), _unpruned_ram(graph))
    shapes = graph.shapes()
    units = {'input': shapes['input'][0]}
    image = counted_image(graph, 1)
    paths = {'input': Least(0, 0, 0, 0, 0, 0)}
    for node in graph.nodes:
        units[node.name] = _least_units(node, units)
        reached = [_step(node, source, paths[source], units, shapes, image)
                   for source in node.inputs]
        paths[node.name] = Least(*(min(column) for column in zip(*reached)))
    return paths[graph.nodes[-1].name]


def _least_units(node: Node, units: dict[str, int]) -> int:
    """Units that a node keeps at least, if it lives."""
    if node.name == CLASSIFIER:
        return node.channels
    # Who keeps the maps of its input has all of the image's, as the image keeps them;
    # of several inputs one may be all that lives.
    if ops.find(node.op).keeps_maps:
        return min(units[name] for name in node.inputs)
    return 1


def _step(
    node: Node, source: str, path: Least, units: dict[str, int], shapes: Shapes,
    image: int,
) -> Least:
    """Bounds after a node that is reached through one of its inputs; `image` is 0 where
    the tensor 'input' does not count as alive."""
    operation = ops.find(node.op)
    if not operation.costs.layer:
        return path
    pixels = lambda shape: math.prod(shape[1:])
    written = pixels(output_shape(node, shapes))
    x = units[source] * pixels(shapes[source])
    y = units[node.name] * pixels(shapes[node.name])
    weight, before = int(node.weighted), units[node.name] * written
    alive = before + (x * image if source == IMAGE else x)
    return Least(
        path.model_size + weight + units[node.name] * node.biased,
        max(path.working_memory, x + before),
        max(path.working_memory_weights, x + weight),
        path.macs + weight * written,
        max(path.working_memory_without_image, alive,
            before + y if node.pool > 1 else 0),
        max(path.ram, max(x, y) if operation.costs.in_place else x + y))


def _unpruned_ram(graph: Graph) -> int:
    shapes = graph.shapes()
    elements = {name: math.prod(shape) for name, shape in shapes.items()}
    return max(
        max(elements[source], elements[node.name])
        if ops.find(node.op).costs.in_place
        else elements[source] + elements[node.name]
        for node in graph.layers for source in node.inputs)
