"""Convolution, VALID: weight [O, C, k, k]."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.ops.windows import sliding
from sparse_jax.quantize.operations.weighted import weighted
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


def _real_product(node: CompactNode, weight: jax.Array, x: jax.Array) -> jax.Array:
    steps = (node.stride, node.stride)
    return jax.lax.conv_general_dilated(x, weight, steps, 'VALID')


CONV = weighted(_product, _product_jax, _real_product)
