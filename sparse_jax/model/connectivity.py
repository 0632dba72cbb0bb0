"""Which units survive pruning: a unit lives on a path of kept weights from the image
to the classifier. Read by the objectives and by shrinking."""

from typing import Any, NamedTuple

import jax

from sparse_jax import ops
from sparse_jax.model import sizes
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.ops.arrays import library_of
from sparse_jax.ops.operation import Shape, Shapes
from sparse_jax.ops.size import Size, channel_mask
from sparse_jax.space.architecture import Graph, Node

Masks = dict[str, jax.Array]


class Live(NamedTuple):
    """The pruned network in padded form."""

    kernel: Masks
    """{node: bool kernel mask} of kept weights between living units."""
    units: Masks
    """{tensor: [C] bool} channels or units that remain; all classes and inputs."""


class _Net(NamedTuple):
    """A graph with the padded shapes and true sizes of its tensors."""

    graph: Graph
    shapes: Shapes
    true: dict[str, Size]
    library: Any
    """That of the masks: `numpy` or `jax.numpy`."""

    def read_shapes(self, node: Node) -> list[Shape]:
        """Padded shapes of a node's inputs."""
        return [self.shapes[name] for name in node.inputs]

    def joined(
        self, node: Node, kept: jax.Array, outputs: jax.Array, units: Masks
    ) -> jax.Array:
        """Kept weights of a node between living units."""
        weights = ops.weights(node)
        inputs = weights.living(
            [units[name] for name in node.inputs],
            [self.true[name] for name in node.inputs], self.read_shapes(node))
        return weights.join(kept, outputs, inputs)


def live(skeleton: Skeleton, candidate: Candidate, kept: Masks) -> Live:
    """Remove dead units and every weight at them.

    A unit without kept incoming weights would be a constant and is set to zero; one
    without kept outgoing weights is never read. The classifier always lives.
    """
    graph = skeleton.graph
    true = sizes.true_sizes(skeleton, candidate)
    net = _Net(graph, graph.shapes(), true.tensors,
               library_of(*kept.values(), candidate.channels))
    reached = _reach(net, kept)
    needed = _need(net, kept, candidate.channels[-1])
    units = {name: reached[name] & needed[name] for name in reached}
    last = graph.nodes[-1].name
    units[last] = needed[last]
    kernel = {}
    for node in graph.weighted_nodes:
        kernel[node.name] = net.joined(
            node, kept[node.name], units[node.name], units)
    units['input'] = net.library.ones(net.shapes['input'][0], bool)
    return Live(kernel, _aligned(net, units))


def _reach(net: _Net, kept: Masks) -> Masks:
    """{tensor: units that some kept path from the image reaches}."""
    units = {'input': net.library.ones(net.shapes['input'][0], bool)}
    for node in net.graph.nodes:
        combination = ops.find(node.op).combination
        if combination is not None:
            units[node.name] = combination.reach(
                node, [units[name] for name in node.inputs])
            continue
        joined = net.joined(
            node, kept[node.name], net.library.ones(node.channels, bool), units)
        units[node.name] = joined.reshape(node.channels, -1).any(1)
    return units


def _need(net: _Net, kept: Masks, classes: jax.Array) -> Masks:
    """{tensor: units from which some kept path leads to a class}."""
    last = net.graph.nodes[-1]
    needed = {t: net.library.zeros(net.shapes[t][0], bool) for t in net.shapes}
    needed[last.name] = net.library.arange(last.channels) < classes
    for node in reversed(net.graph.nodes):
        out, shapes = needed[node.name], net.read_shapes(node)
        combination = ops.find(node.op).combination
        if combination is not None:
            parts = combination.need(node, out, shapes)
        else:
            parts = ops.weights(node).need(kept[node.name], out, shapes)
        for name, part in zip(node.inputs, parts):
            needed[name] = needed[name] | part
    return needed


def _aligned(net: _Net, units: Masks) -> Masks:
    """Units that must stay, though dead, because a neighbour's shape needs them.

    The branches of a sum have the length of the sum, and a depthwise layer has the
    maps of its input, be it the image or maps that another branch keeps alive.
    """
    units = dict(units)
    for group in _tied(net.graph):
        longest = max(len(units[name]) for name in group)
        common = net.library.zeros(longest, bool)
        for name in group:
            common |= net.library.pad(units[name], (0, longest - len(units[name])))
        for name in group:
            present = channel_mask(net.true[name], net.shapes[name])
            units[name] = common[:len(present)] & present & units[name].any()
    return units


def _tied(graph: Graph) -> list[list[str]]:
    """Groups of tensors whose maps are each other's, one by one."""
    group = {'input': ['input']}
    for node in graph.nodes:
        group[node.name] = [node.name]
        if not ops.find(node.op).keeps_maps:
            continue
        for name in node.inputs:
            if group[name] is not group[node.name]:
                group[name] += group[node.name]
                for member in group[node.name]:
                    group[member] = group[name]
    return [g for name, g in group.items() if len(g) > 1 and g[0] == name]
