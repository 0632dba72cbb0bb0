"""Sum of feature maps: what closes a residual block.

Inputs are cropped about their centre to the smallest height and width; of an odd
difference the bottom and the right lose one more. Maps that a narrower input lacks
count as 0. An add is a layer of the memory models without weights and without MACs.
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
from sparse_jax.ops.size import Size


def _refusal(node: Node, shapes: Sequence[Shape]) -> str:
    maps = len(shapes) > 1 and all(len(shape) == 3 for shape in shapes)
    if not maps or max(shape[0] for shape in shapes) != node.channels:
        return 'two feature maps or more, the widest with as many maps as its channels'
    return '' if node.kernel == 1 else 'no kernel'


def _output(node: Node, shapes: Shapes) -> Shape:
    read = [shapes[name] for name in node.inputs]
    return (node.channels, min(s[1] for s in read), min(s[2] for s in read))


def _pad(node: Node, channels: Mapping[str, int], tiers: Tiers) -> Node:
    del tiers
    return dataclasses.replace(
        node, channels=max(channels[name] for name in node.inputs))


def _fixed(node: Node, known: Mapping[str, bool]) -> bool:
    return all(known[name] for name in node.inputs)


def _least(sides: Sequence[jax.Array | int]) -> jax.Array | int:
    if library_of(*sides) is np:
        return min(sides)
    return jnp.stack([jnp.int32(side) for side in sides]).min()


def _size(
    node: Node, channels: jax.Array, kernel: jax.Array, sizes: Mapping[str, Size]
) -> Size:
    del kernel
    read = [sizes[name] for name in node.inputs]
    return Size(channels, _least([s.height for s in read]),
                _least([s.width for s in read]))


def _cropped(
    x: jax.Array, axis: int, side: jax.Array | int, to: jax.Array | int, length: int
) -> jax.Array:
    """The middle `to` of the `side` true elements along an axis, cut to `length`."""
    start = (side - to) // 2
    if not isinstance(start, int):
        x, start = jnp.roll(x, -start, axis), 0
    return jax.lax.slice_in_dim(x, start, start + length, axis=axis)


def _combine(
    node: Node, inputs: Sequence[jax.Array], sizes: Sequence[Size], out: Size
) -> jax.Array:
    height, width = (min(x.shape[axis] for x in inputs) for axis in (1, 2))
    parts = []
    for x, size in zip(inputs, sizes):
        x = _cropped(x, 1, size.height, out.height, height)
        x = _cropped(x, 2, size.width, out.width, width)
        parts.append(jnp.pad(
            x, ((0, node.channels - len(x)), (0, 0), (0, 0), (0, 0))))
    return jnp.asarray(sum(parts))


def _reach(node: Node, inputs: Sequence[jax.Array]) -> jax.Array:
    library = library_of(*inputs)
    return library.stack([library.pad(units, (0, node.channels - len(units)))
                          for units in inputs]).any(0)


def _need(
    node: Node, outputs: jax.Array, shapes: Sequence[Shape]
) -> list[jax.Array]:
    del node
    return [outputs[: shape[0]] for shape in shapes]


def _shrink(
    node: Node, leaf: Mapping[str, np.ndarray], alive: Masks, shapes: Shapes,
    gather: bool,
) -> list[CompactNode]:
    """An input that died entirely is left out; it still says what is cropped."""
    del leaf, gather
    _, height, width = _output(node, shapes)
    sources = tuple(name for name in node.inputs if alive[name].any())
    return [CompactNode(node.name, node.op, sources, relu=node.relu, pool=node.pool,
                        size=(height, width))]


def _compact_output(node: CompactNode, shapes: Shapes) -> Shape:
    read = [shapes[name] for name in node.inputs]
    height, width = node.size or (min(s[1] for s in read), min(s[2] for s in read))
    return (max(s[0] for s in read), height, width)


def _apply(node: CompactNode, inputs: Sequence[np.ndarray]) -> np.ndarray:
    maps, height, width = _compact_output(
        node, {name: x.shape[1:] for name, x in zip(node.inputs, inputs)})
    total = np.zeros((len(inputs[0]), maps, height, width))
    for x in inputs:
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        total[:, : x.shape[1]] += x[:, :, top: top + height, left: left + width]
    return total


ADD = Operation(
    'add',
    Pruned(_shrink, _compact_output, _apply),
    Form(_refusal, _output, _pad, _fixed, _size),
    combination=Combination(_combine, _reach, _need),
    costs=Costs(in_place=True), keeps_maps=True)
