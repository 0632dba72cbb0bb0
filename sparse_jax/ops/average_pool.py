"""Average pool: window = stride = kernel, VALID; along an axis shorter than the kernel
the window is the whole axis, so that a large kernel is a global pool.

It is a layer of the memory models without weights and without MACs.
"""

import dataclasses
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
from sparse_jax.ops.size import Size, divided
from sparse_jax.ops.windows import one_map


def _refusal(node: Node, shapes: Sequence[Shape]) -> str:
    wrong = one_map(node, shapes)
    if not wrong and shapes[0][0] != node.channels:
        return 'as many maps as its channels'
    return wrong


def _left(side: int, kernel: int) -> int:
    """What is left of a side that is not empty."""
    return max(side // kernel, min(side, 1))


def _output(node: Node, shapes: Shapes) -> Shape:
    _, height, width = shapes[node.inputs[0]]
    return (node.channels, _left(height, node.kernel), _left(width, node.kernel))


def _pad(node: Node, channels: Mapping[str, int], tiers: Tiers) -> Node:
    del tiers
    return dataclasses.replace(node, channels=channels[node.inputs[0]])


def _fixed(node: Node, known: Mapping[str, bool]) -> bool:
    return known[node.inputs[0]]


def _size(
    node: Node, channels: jax.Array, kernel: jax.Array, sizes: Mapping[str, Size]
) -> Size:
    del kernel
    source = sizes[node.inputs[0]]
    left = lambda side: (_left(side, node.kernel) if library_of(side) is np
                         else jnp.maximum(divided(side, node.kernel), 1))
    return Size(channels, left(source.height), left(source.width))


def _combine(
    node: Node, inputs: Sequence[jax.Array], sizes: Sequence[Size], out: Size
) -> jax.Array:
    """What is beyond the true size is 0 and adds nothing to a window."""
    del out
    (x,), (size,) = inputs, sizes
    maps, height, width, batch = x.shape
    windows, pixels = [], jnp.int32(1)
    for side, true in ((height, size.height), (width, size.width)):
        window = min(side, node.kernel)
        windows += [_left(side, node.kernel), window]
        pixels = pixels * jnp.minimum(true, window)
    rows, high, columns, wide = windows
    x = x[:, : rows * high, : columns * wide]
    x = x.reshape(maps, rows, high, columns, wide, batch).sum((2, 4))
    return x / pixels.astype(x.dtype)


def _reach(node: Node, inputs: Sequence[jax.Array]) -> jax.Array:
    del node
    return inputs[0]


def _need(
    node: Node, outputs: jax.Array, shapes: Sequence[Shape]
) -> list[jax.Array]:
    del node, shapes
    return [outputs]


def _shrink(
    node: Node, leaf: Mapping[str, np.ndarray], alive: Masks, shapes: Shapes,
    gather: bool,
) -> list[CompactNode]:
    del leaf, alive, shapes, gather
    return [CompactNode(node.name, node.op, node.inputs, relu=node.relu,
                        pool=node.pool, kernel=node.kernel)]


def _compact_output(node: CompactNode, shapes: Shapes) -> Shape:
    maps, height, width = shapes[node.inputs[0]]
    return (maps, _left(height, node.kernel), _left(width, node.kernel))


def _apply(node: CompactNode, inputs: Sequence[np.ndarray]) -> np.ndarray:
    (x,) = inputs
    num, maps, height, width = x.shape
    high, wide = min(height, node.kernel), min(width, node.kernel)
    rows, columns = height // high, width // wide
    x = x[:, :, : rows * high, : columns * wide]
    return x.reshape(num, maps, rows, high, columns, wide).mean((3, 5))


AVERAGE_POOL = Operation(
    'average_pool',
    Pruned(_shrink, _compact_output, _apply),
    Form(_refusal, _output, _pad, _fixed, _size),
    combination=Combination(_combine, _reach, _need),
    costs=Costs(in_place=True), keeps_maps=True)
