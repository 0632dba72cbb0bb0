"""Convolution: VALID, kernel [O, C, k, k]."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from sparse_jax.ops import lowering, windows
from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import Node
from sparse_jax.ops.operation import (
    Form,
    Masks,
    Operation,
    Pruned,
    Shape,
    Shapes,
    Tiers,
    Weights,
)
from sparse_jax.ops.size import Size, channel_mask


def _pad(node: Node, channels: Mapping[str, int], tiers: Tiers) -> Node:
    del channels
    return windows.padded_to(node, tiers.width(node.channels), tiers)


def _shape(node: Node, shapes: Shapes) -> Shape:
    return (node.channels, shapes[node.inputs[0]][0], node.kernel, node.kernel)


def _valid(
    node: Node, outputs: jax.Array, kernel: jax.Array, sizes: Sequence[Size],
    shapes: Sequence[Shape],
) -> jax.Array:
    kernels = outputs[:, None, None] & windows.taps(node, kernel)
    return kernels[:, None] & channel_mask(sizes[0], shapes[0])[:, None, None]


def _view(node: Node, x: jax.Array, conv: str) -> jax.Array:
    return lowering.conv_view(x, node.kernel, node.kernel_low, conv)


def _join(kept: jax.Array, outputs: jax.Array, inputs: jax.Array) -> jax.Array:
    return kept & outputs[:, None, None, None] & inputs[:, None, None]


def _need(
    kept: jax.Array, outputs: jax.Array, shapes: Sequence[Shape]
) -> list[jax.Array]:
    del shapes
    return [(kept & outputs[:, None, None, None]).any((0, 2, 3))]


def _blocks(node: Node, shapes: Shapes) -> list[tuple[str, Shape]]:
    return [('', _shape(node, shapes)[1:])]


def _identity(node: Node, shapes: Shapes) -> np.ndarray:
    kernel = np.zeros(_shape(node, shapes), np.float32)
    shared = np.arange(min(kernel.shape[:2]))
    kernel[shared, shared, 0, 0] = 1.0
    return kernel


def _shrink(
    node: Node, leaf: Mapping[str, np.ndarray], alive: Masks, shapes: Shapes,
    gather: bool,
) -> list[CompactNode]:
    del shapes, gather
    out = alive[node.name]
    kernel = leaf['kernel'][out][:, alive[node.inputs[0]]]
    bias = leaf['bias'][out] if 'bias' in leaf else None
    return [CompactNode(node.name, node.op, node.inputs, kernel, bias, node.relu,
                        node.pool, stride=node.stride)]


def _apply(node: CompactNode, inputs: Sequence[np.ndarray]) -> np.ndarray:
    weight = np.asarray(node.weight, np.float64)
    views = windows.sliding(inputs[0], weight.shape[-1], node.stride)
    return np.einsum('nchwij,ocij->nohw', views, weight, optimize=True)


CONV = Operation(
    'conv',
    Pruned(_shrink, windows.compact_shape, _apply),
    Form(windows.one_map, windows.valid_shape, _pad, windows.fixed, windows.valid_size),
    Weights(
        shape=_shape, elements_read=windows.elements_read, index=windows.index,
        valid=_valid, read=windows.read, view=_view, product=lowering.conv_product,
        living=windows.living, join=_join, need=_need, blocks=_blocks,
        identity=_identity, convolves=True))
