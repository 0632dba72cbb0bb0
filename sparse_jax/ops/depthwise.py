"""Depthwise convolution: VALID, one kernel [k, k] per map."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from sparse_jax.ops import lowering, windows
from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import Node
from sparse_jax.ops.operation import (
    Costs,
    Form,
    Masks,
    Operation,
    Pruned,
    Shape,
    Shapes,
    Tiers,
    Weights,
)
from sparse_jax.ops.size import Size


def _refusal(node: Node, shapes: Sequence[Shape]) -> str:
    wrong = windows.one_map(node, shapes)
    if not wrong and shapes[0][0] != node.channels:
        return 'as many maps as its channels'
    return wrong


def _pad(node: Node, channels: Mapping[str, int], tiers: Tiers) -> Node:
    return windows.padded_to(node, channels[node.inputs[0]], tiers)


def _shape(node: Node, shapes: Shapes) -> Shape:
    del shapes
    return (node.channels, node.kernel, node.kernel)


def _valid(
    node: Node, outputs: jax.Array, kernel: jax.Array, sizes: Sequence[Size],
    shapes: Sequence[Shape],
) -> jax.Array:
    del sizes, shapes
    return outputs[:, None, None] & windows.taps(node, kernel)


def _view(node: Node, x: jax.Array, conv: str) -> jax.Array:
    del conv
    return lowering.depthwise_view(x, node.kernel, node.kernel_low)


def _join(kept: jax.Array, outputs: jax.Array, inputs: jax.Array) -> jax.Array:
    return kept & (outputs & inputs)[:, None, None]


def _need(
    kept: jax.Array, outputs: jax.Array, shapes: Sequence[Shape]
) -> list[jax.Array]:
    del shapes
    return [kept.any((1, 2)) & outputs]


def _blocks(node: Node, shapes: Shapes) -> list[tuple[str, Shape]]:
    return [('', _shape(node, shapes)[1:])]


def _identity(node: Node, shapes: Shapes) -> np.ndarray:
    kernel = np.zeros(_shape(node, shapes), np.float32)
    kernel[:, 0, 0] = 1.0
    return kernel


def _shrink(
    node: Node, leaf: Mapping[str, np.ndarray], alive: Masks, shapes: Shapes,
    gather: bool,
) -> list[CompactNode]:
    del shapes, gather
    out = alive[node.name]
    bias = leaf['bias'][out] if 'bias' in leaf else None
    return [CompactNode(node.name, node.op, node.inputs, leaf['kernel'][out], bias,
                        node.relu, node.pool, stride=node.stride)]


def _apply(node: CompactNode, inputs: Sequence[np.ndarray]) -> np.ndarray:
    weight = np.asarray(node.weight, np.float64)
    views = windows.sliding(inputs[0], weight.shape[-1], node.stride)
    return np.einsum('nchwij,cij->nchw', views, weight, optimize=True)


DEPTHWISE = Operation(
    'depthwise',
    Pruned(_shrink, windows.compact_shape, _apply),
    Form(_refusal, windows.valid_shape, _pad, windows.fixed, windows.valid_size),
    Weights(
        shape=_shape, elements_read=windows.elements_read, index=windows.index,
        valid=_valid, read=windows.read, view=_view,
        product=lowering.depthwise_product, living=windows.living, join=_join,
        need=_need, blocks=_blocks, identity=_identity, convolves=True),
    costs=Costs(in_place=True), keeps_maps=True)
