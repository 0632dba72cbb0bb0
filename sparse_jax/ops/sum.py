"""Sum of equally long vectors: the merge of fully connected branches."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.ops.arrays import library_of
from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import Node
from sparse_jax.ops.operation import (
    Combination,
    Costs,
    Form,
    Masks,
    Operation,
    Pruned,
    Shape,
    Shapes,
    Tiers,
)
from sparse_jax.ops.size import Size


def _refusal(node: Node, shapes: Sequence[Shape]) -> str:
    flat = len(shapes) > 1 and all(len(shape) == 1 for shape in shapes)
    if not (flat and {shape[0] for shape in shapes} == {node.channels}):
        return 'two vectors or more, of as many units as its channels'
    return '' if node.kernel == node.pool == 1 else 'no kernel and no pool'


def _output(node: Node, shapes: Shapes) -> Shape:
    del shapes
    return (node.channels,)


def _pad(node: Node, channels: Mapping[str, int], tiers: Tiers) -> Node:
    del channels
    return dataclasses.replace(node, channels=tiers.unit(node.channels))


def _fixed(node: Node, known: Mapping[str, bool]) -> bool:
    del node, known
    return True


def _size(
    node: Node, channels: jax.Array, kernel: jax.Array, sizes: Mapping[str, Size]
) -> Size:
    del node, kernel, sizes
    return Size(channels, 1, 1)


def _combine(
    node: Node, inputs: Sequence[jax.Array], sizes: Sequence[Size], out: Size
) -> jax.Array:
    del node, sizes, out
    return jnp.asarray(sum(inputs))


def _reach(node: Node, inputs: Sequence[jax.Array]) -> jax.Array:
    del node
    return library_of(*inputs).stack(list(inputs)).any(0)


def _need(
    node: Node, outputs: jax.Array, shapes: Sequence[Shape]
) -> list[jax.Array]:
    del node
    return [outputs] * len(shapes)


def _shrink(
    node: Node, leaf: Mapping[str, np.ndarray], alive: Masks, shapes: Shapes,
    gather: bool,
) -> list[CompactNode]:
    """A branch that died entirely is left out."""
    del leaf, shapes, gather
    sources = tuple(t for t in node.inputs if alive[t].any())
    return [CompactNode(node.name, node.op, sources, relu=node.relu)]


def _compact_output(node: CompactNode, shapes: Shapes) -> Shape:
    return (math.prod(shapes[node.inputs[0]]),)


def _apply(node: CompactNode, inputs: Sequence[np.ndarray]) -> np.ndarray:
    del node
    return np.asarray(sum(x.reshape(len(x), -1) for x in inputs))


SUM = Operation(
    'sum',
    Pruned(_shrink, _compact_output, _apply),
    Form(_refusal, _output, _pad, _fixed, _size),
    combination=Combination(_combine, _reach, _need),
    costs=Costs(layer=False), keeps_maps=True, plain=True)
