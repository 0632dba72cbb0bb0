"""True sizes of a candidate inside its skeleton, as traced values."""

from typing import NamedTuple

import jax

from sparse_jax import ops
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.ops.arrays import library_of
from sparse_jax.ops.size import Size, divided
from sparse_jax.space.architecture import Graph


class Sizes(NamedTuple):
    """True sizes of all tensors of a candidate."""

    tensors: dict[str, Size]
    """By tensor name, after pooling."""
    outputs: dict[str, Size]
    """By node name, before pooling: the y of the memory model."""


def true_sizes(skeleton: Skeleton, candidate: Candidate) -> Sizes:
    """Propagate the candidate's channels and kernels through the graph."""
    graph = skeleton.graph
    channels, height, width = graph.image_shape()
    number = library_of(candidate.channels).int32
    tensors = {'input': Size(number(channels), height, width)}
    outputs = {}
    for i, node in enumerate(graph.nodes):
        out = ops.form(node).size(
            node, candidate.channels[i], candidate.kernel[i], tensors)
        outputs[node.name] = out
        tensors[node.name] = out if node.pool == 1 else out._replace(
            height=divided(out.height, node.pool), width=divided(out.width, node.pool))
    return Sizes(tensors, outputs)


def static_spatial(graph: Graph) -> dict[str, bool]:
    """By tensor name: its height and width are the same for all candidates."""
    fixed = {'input': True}
    for node in graph.nodes:
        fixed[node.name] = ops.form(node).fixed(node, fixed)
    return fixed


def valid_weights(
    skeleton: Skeleton, candidate: Candidate
) -> dict[str, dict[str, jax.Array]]:
    """{node: {'kernel': mask, 'bias': mask}} of the weights that the network has."""
    graph, sizes = skeleton.graph, true_sizes(skeleton, candidate)
    shapes, masks = graph.shapes(), {}
    for i, node in enumerate(graph.nodes):
        weights = ops.find(node.op).weights
        if weights is None:
            continue
        out = library_of(candidate.channels).arange(
            node.channels) < candidate.channels[i]
        masks[node.name] = {'kernel': weights.valid(
            node, out, candidate.kernel[i], [sizes.tensors[t] for t in node.inputs],
            [shapes[t] for t in node.inputs])}
        if node.biased:
            masks[node.name]['bias'] = out
    return masks
