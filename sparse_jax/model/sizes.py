"""True sizes of a candidate inside its skeleton, as traced values."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.space.architecture import Graph, Node


class Size(NamedTuple):
    """True size of one tensor: feature map, or vector with height = width = 1.

    Height and width are Python integers where all candidates share them.
    """

    channels: jax.Array
    height: jax.Array | int
    width: jax.Array | int

    @property
    def elements(self) -> jax.Array:
        """Number of true elements."""
        return self.channels * self.height * self.width


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
    tensors = {'input': Size(jnp.int32(channels), height, width)}
    outputs = {}
    for i, node in enumerate(graph.nodes):
        channels = candidate.channels[i]
        if node.op in ('dense', 'sum'):
            out = Size(channels, 1, 1)
        else:
            source = tensors[node.inputs[0]]
            exact = node.kernel == node.kernel_low
            lost = (node.kernel if exact else candidate.kernel[i]) - 1
            out = Size(channels, source.height - lost, source.width - lost)
        outputs[node.name] = out
        tensors[node.name] = out if node.pool == 1 else out._replace(
            height=_halved(out.height, node.pool), width=_halved(out.width, node.pool))
    return Sizes(tensors, outputs)


def _halved(n, pool):
    """n // pool; sizes are positive, which spares a traced one the sign checks."""
    return n // pool if isinstance(n, int) else jax.lax.div(n, jnp.int32(pool))


def static_spatial(graph: Graph) -> dict[str, bool]:
    """By tensor name: its height and width are the same for all candidates."""
    fixed = {'input': True}
    for node in graph.nodes:
        fixed[node.name] = node.op in ('dense', 'sum') or (
            fixed[node.inputs[0]] and node.kernel == node.kernel_low)
    return fixed


def spatial_mask(size: Size, shape: tuple[int, ...]) -> jax.Array:
    """[1, H, W, 1] bool: pixels of a padded map that are true."""
    rows = jnp.arange(shape[1]) < size.height
    columns = jnp.arange(shape[2]) < size.width
    return (rows[:, None] & columns[None, :])[None, :, :, None]


def element_mask(size: Size, shape: tuple[int, ...]) -> jax.Array:
    """Flat bool mask of the true elements of a padded tensor, in (C, H, W) order."""
    channels = jnp.arange(shape[0]) < size.channels
    if len(shape) == 1:
        return channels
    rows = jnp.arange(shape[1]) < size.height
    columns = jnp.arange(shape[2]) < size.width
    return (channels[:, None, None] & rows[:, None] & columns).ravel()


def weight_shape(node: Node, shapes: dict) -> tuple[int, ...]:
    """Padded shape of a node's kernel: [O, C, k, k], [C, k, k] or [U, F]."""
    if node.op == 'dense':
        return (node.channels, sum(int(np.prod(shapes[i])) for i in node.inputs))
    k = node.kernel
    if node.op == 'depthwise':
        return (node.channels, k, k)
    return (node.channels, shapes[node.inputs[0]][0], k, k)


def valid_weights(skeleton: Skeleton, candidate: Candidate) -> dict:
    """{node: {'kernel': mask, 'bias': mask}} of the weights that the network has."""
    graph, sizes = skeleton.graph, true_sizes(skeleton, candidate)
    shapes, masks = graph.shapes(), {}
    for i, node in enumerate(graph.nodes):
        if not node.weighted:
            continue
        out = jnp.arange(node.channels) < candidate.channels[i]
        if node.op == 'dense':
            flat = jnp.concatenate([
                element_mask(sizes.tensors[t], shapes[t]) for t in node.inputs])
            kernel = out[:, None] & flat
        else:
            taps = jnp.arange(node.kernel) < candidate.kernel[i]
            kernel = out[:, None, None] & (taps[:, None] & taps)
            if node.op == 'conv':
                source = node.inputs[0]
                maps = jnp.arange(shapes[source][0]) < sizes.tensors[source].channels
                kernel = kernel[:, None] & maps[:, None, None]
        masks[node.name] = {'kernel': kernel}
        if node.biased:
            masks[node.name]['bias'] = out
    return masks

