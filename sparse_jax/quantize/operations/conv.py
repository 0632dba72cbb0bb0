"""Convolution, VALID: weight [O, C, k, k]."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.ops.windows import sliding
from sparse_jax.quantize import blocks
from sparse_jax.quantize.operations.weighted import Scaled, weighted
from sparse_jax.quantize.quantized import QuantizedNode, kernel_of
from sparse_jax.quantize.windows import views


def _product(node: QuantizedNode, x: np.ndarray) -> np.ndarray:
    """The products stay far below 2^53, so that float64 BLAS is exact."""
    weight = kernel_of(node).astype(np.float64)
    windows = sliding(x.astype(np.float64), weight.shape[-1], node.stride)
    y = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3)))
    return np.moveaxis(y, -1, 1).astype(np.int64)


def _product_jax(node: QuantizedNode, x: jax.Array) -> jax.Array:
    weight = kernel_of(node).astype(np.int32)
    return jnp.einsum('nckhw,ock->nohw', views(x, weight.shape[-1], node.stride),
                      weight.reshape(*weight.shape[:2], -1),
                      preferred_element_type=jnp.int32)


def _product_blocks(
    node: QuantizedNode, weight: np.ndarray, shape: Sequence[int]
) -> Scaled:
    (units, _, k, _), (_, height, width), stride = weight.shape, shape, node.stride
    high, wide = ((side - k) // stride + 1 for side in (height, width))
    lines = np.ascontiguousarray(weight.transpose(2, 0, 3, 1)).reshape(k, units, -1)
    by_rows = blocks.whole_rows(weight, width, wide)
    matrix = blocks.conv_matrix(weight, stride, width) if by_rows else lines

    def product(x: blocks.Block) -> blocks.Block:
        out = np.empty((high, wide, units, x.shape[-1]))
        if by_rows:
            blocks.multiply(matrix, blocks.rows(x, k, stride),
                            out.reshape(high, wide * units, -1))
            return out
        blocks.multiply(lines[0], blocks.pixels(x, 0, k, stride, high), out)
        for line in range(1, k):
            more = np.empty_like(out)
            blocks.multiply(lines[line], blocks.pixels(x, line, k, stride, high), more)
            out += more
        return out

    return product


def _real_product(node: CompactNode, weight: jax.Array, x: jax.Array) -> jax.Array:
    steps = (node.stride, node.stride)
    return jax.lax.conv_general_dilated(x, weight, steps, 'VALID')


CONV = weighted(_product, _product_jax, _product_blocks, _real_product)
