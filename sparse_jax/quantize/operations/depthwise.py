"""Depthwise convolution, VALID: weight [C, k, k]."""

import functools
from collections.abc import Sequence

import jax
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.ops.windows import sliding
from sparse_jax.quantize import blocks
from sparse_jax.quantize.operations.weighted import Scaled, weighted
from sparse_jax.quantize.quantized import QuantizedNode, kernel_of
from sparse_jax.quantize.windows import views


def _product(node: QuantizedNode, x: np.ndarray) -> np.ndarray:
    weight = kernel_of(node).astype(np.float64)
    windows = sliding(x.astype(np.float64), weight.shape[-1], node.stride)
    return np.einsum('nchwij,cij->nchw', windows, weight).astype(np.int64)


def _product_jax(node: QuantizedNode, x: jax.Array) -> jax.Array:
    weight = kernel_of(node).astype(np.int32)
    k = weight.shape[-1]
    seen = views(x, k, node.stride)
    return (seen * weight.reshape(1, len(weight), k * k, 1, 1)).sum(axis=2)


def _product_blocks(
    node: QuantizedNode, weight: np.ndarray, shape: Sequence[int]
) -> Scaled:
    (maps, k, _), (_, height, width), stride = weight.shape, shape, node.stride
    high, wide = ((side - k) // stride + 1 for side in (height, width))
    if width > blocks.WIDE * k:
        return functools.partial(_by_taps, weight, stride, (high, wide))
    matrix = blocks.depthwise_matrix(weight, stride, width)[:, None]

    def product(x: blocks.Block) -> blocks.Block:
        out = np.empty((high, wide, maps, x.shape[-1]))
        blocks.multiply(matrix, blocks.map_rows(x, k, stride),
                        out.transpose(2, 0, 1, 3))
        return out

    return product


def _by_taps(
    weight: np.ndarray, stride: int, size: tuple[int, int], x: blocks.Block
) -> blocks.Block:
    """One product of the kernel after another, of all windows at once."""
    rows, columns = (stride * (side - 1) + 1 for side in size)
    out = np.zeros((*size, *x.shape[2:]))
    part = np.empty_like(out)
    for i, j in np.ndindex(weight.shape[1:]):
        seen = x[i : i + rows : stride, j : j + columns : stride]
        out += np.multiply(seen, weight[:, i, j, None], out=part)
    return out


def _real_product(node: CompactNode, weight: jax.Array, x: jax.Array) -> jax.Array:
    steps = (node.stride, node.stride)
    return jax.lax.conv_general_dilated(x, weight[:, None], steps, 'VALID',
                                        feature_group_count=len(weight))


DEPTHWISE = weighted(_product, _product_jax, _product_blocks, _real_product)
