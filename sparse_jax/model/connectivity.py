"""Which units survive pruning: a unit lives on a path of kept weights from the image
to the classifier. Read by the objectives and by shrinking."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.model import sizes
from sparse_jax.model.skeleton import Candidate, Skeleton


class Live(NamedTuple):
    """The pruned network in padded form."""

    kernel: dict[str, jax.Array]
    """{node: bool kernel mask} of kept weights between living units."""
    units: dict[str, jax.Array]
    """{tensor: [C] bool} channels or units that remain; all classes and inputs."""


def live(skeleton: Skeleton, candidate: Candidate, kept: dict) -> Live:
    """Remove dead units and every weight at them.

    A unit without kept incoming weights would be a constant and is set to zero; one
    without kept outgoing weights is never read. The classifier always lives.
    """
    graph = skeleton.graph
    true = sizes.true_sizes(skeleton, candidate)
    shapes = graph.shapes()
    reached = _reach(graph, kept, true, shapes)
    needed = _need(graph, kept, shapes, candidate.channels[-1])
    units = {name: reached[name] & needed[name] for name in reached}
    last = graph.nodes[-1].name
    units[last] = needed[last]
    kernel = {}
    for node in graph.weighted_nodes:
        inputs = _input_units(node, units, true, shapes)
        kernel[node.name] = _join(node, kept[node.name], units[node.name], inputs)
    units['input'] = jnp.ones(shapes['input'][0], bool)
    return Live(kernel, _aligned(graph, units))


def _aligned(graph, units):
    """Units that must stay, though dead, because a neighbour's shape needs them.

    The branches of a sum have the length of the sum, and a depthwise layer has the
    maps of its input, be it the image or maps that another branch keeps alive.
    """
    units = dict(units)
    for node in graph.nodes:
        if node.op == 'sum':
            for name in node.inputs:
                units[name] = units[node.name] & units[name].any()
        elif node.op == 'depthwise':
            units[node.name] = units[node.inputs[0]] & units[node.name].any()
    return units


def _reach(graph, kept, true, shapes):
    """{tensor: units that some kept path from the image reaches}."""
    units = {'input': jnp.ones(shapes['input'][0], bool)}
    for node in graph.nodes:
        if node.op == 'sum':
            units[node.name] = jnp.stack([units[t] for t in node.inputs]).any(0)
            continue
        inputs = _input_units(node, units, true, shapes)
        joined = _join(node, kept[node.name], jnp.ones(node.channels, bool), inputs)
        units[node.name] = joined.reshape(node.channels, -1).any(1)
    return units


def _need(graph, kept, shapes, classes):
    """{tensor: units from which some kept path leads to a class}."""
    last = graph.nodes[-1]
    needed = {t: jnp.zeros(shapes[t][0], bool) for t in shapes}
    needed[last.name] = jnp.arange(last.channels) < classes
    for node in reversed(graph.nodes):
        out = needed[node.name]
        if node.op == 'sum':
            parts = [out] * len(node.inputs)
        elif node.op == 'dense':
            flat = (kept[node.name] & out[:, None]).any(0)
            parts, start = [], 0
            for name in node.inputs:
                length = _length(shapes[name])
                parts.append(
                    flat[start:start + length].reshape(shapes[name][0], -1).any(1))
                start += length
        elif node.op == 'depthwise':
            parts = [(kept[node.name].any((1, 2))) & out]
        else:
            parts = [(kept[node.name] & out[:, None, None, None]).any((0, 2, 3))]
        for name, part in zip(node.inputs, parts):
            needed[name] = needed[name] | part
    return needed


def _input_units(node, units, true, shapes):
    """Living inputs of a weighted node: [C] maps, or [F] elements of a dense node."""
    if node.op != 'dense':
        return units[node.inputs[0]]
    flat = []
    for name in node.inputs:
        shape = shapes[name]
        alive = units[name] if len(shape) == 1 else jnp.broadcast_to(
            units[name][:, None, None], shape).ravel()
        flat.append(alive & sizes.element_mask(true.tensors[name], shape))
    return jnp.concatenate(flat)


def _join(node, kept, outputs, inputs):
    """Kept weights whose two ends live."""
    if node.op == 'dense':
        return kept & outputs[:, None] & inputs
    if node.op == 'depthwise':
        return kept & (outputs & inputs)[:, None, None]
    return kept & outputs[:, None, None, None] & inputs[:, None, None]


def _length(shape):
    length = 1
    for n in shape:
        length *= n
    return length
