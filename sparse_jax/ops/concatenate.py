"""Tensors one after the other, flattened: what a compact dense layer reads."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import Node
from sparse_jax.ops.operation import Costs, Masks, Operation, Pruned, Shape, Shapes


def _shrink(
    node: Node, leaf: Mapping[str, np.ndarray], alive: Masks, shapes: Shapes,
    gather: bool,
) -> list[CompactNode]:
    del leaf, alive, shapes, gather
    raise ValueError(f'node {node.name!r}: a dense node concatenates its inputs itself')


def _output(node: CompactNode, shapes: Shapes) -> Shape:
    return (sum(math.prod(shapes[name]) for name in node.inputs),)


def _apply(node: CompactNode, inputs: Sequence[np.ndarray]) -> np.ndarray:
    del node
    return np.concatenate([x.reshape(len(x), -1) for x in inputs], axis=1)


CONCATENATE = Operation(
    'concatenate', Pruned(_shrink, _output, _apply), costs=Costs(layer=False),
    plain=True)
