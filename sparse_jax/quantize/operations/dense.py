"""Dense layer: weight [O, I] of its input flattened, or of the gathered part of it."""

import math
from collections.abc import Sequence
from typing import TypeVar

import jax
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.quantize import blocks
from sparse_jax.quantize.operations.weighted import Scaled, weighted
from sparse_jax.quantize.quantized import QuantizedNode, kernel_of

Array = TypeVar('Array', np.ndarray, jax.Array)


def _read(node: CompactNode | QuantizedNode, x: Array) -> Array:
    x = x.reshape(x.shape[0], -1)
    return x if node.gather is None else x[:, node.gather]


def _product(node: QuantizedNode, x: np.ndarray) -> np.ndarray:
    weight = kernel_of(node).astype(np.float64)
    return (_read(node, x.astype(np.float64)) @ weight.T).astype(np.int64)


def _product_jax(node: QuantizedNode, x: jax.Array) -> jax.Array:
    return _read(node, x) @ kernel_of(node).astype(np.int32).T


def _product_blocks(
    node: QuantizedNode, weight: np.ndarray, shape: Sequence[int]
) -> Scaled:
    """Columns of the weights in the order of the block, rather than the reverse."""
    gather = slice(None) if node.gather is None else node.gather
    matrix = np.zeros((len(weight), math.prod(shape)))
    matrix[:, gather] = weight
    if len(shape) == 3:
        matrix = np.moveaxis(matrix.reshape(-1, *shape), 1, -1)
    matrix = np.ascontiguousarray(matrix).reshape(len(weight), -1)

    def product(x: blocks.Block) -> blocks.Block:
        out = np.empty((len(matrix), x.shape[-1]))
        blocks.multiply(matrix, x.reshape(-1, x.shape[-1]), out)
        return out

    return product


def _real_product(node: CompactNode, weight: jax.Array, x: jax.Array) -> jax.Array:
    return _read(node, x) @ weight.T


DENSE = weighted(_product, _product_jax, _product_blocks, _real_product,
                 one_scale=True)
