"""Sum of feature maps, cropped about their centre and filled up with zeros.

The arithmetic is that of `sum`: TFLite's ADD for any number of inputs.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.quantize.operations.operation import Int8Operation, Zeros
from sparse_jax.quantize.operations.sum import add_codes, add_codes_jax, quantize_sum
from sparse_jax.quantize.quantized import QuantizedNode
from sparse_jax.quantize.windows import centre, max_pool


def _missing(x: np.ndarray | jax.Array, maps: int) -> list[tuple[int, int]]:
    """Padding of the axes for the maps that an input lacks."""
    return [(0, 0), (0, maps - x.shape[1]), (0, 0), (0, 0)]


def _emulate(
    node: QuantizedNode, inputs: Sequence[np.ndarray], zeros: Zeros
) -> np.ndarray:
    maps, height, width = node.full_shape
    same = []
    for x, zero in zip(inputs, zeros.inputs):
        x = centre(x, height, width)
        same.append(np.pad(x, _missing(x, maps), constant_values=zero))
    return max_pool(add_codes(node, same, zeros), node.pool)


def _emulate_jax(
    node: QuantizedNode, inputs: Sequence[jax.Array], zeros: Zeros
) -> jax.Array:
    maps, height, width = node.full_shape
    same = []
    for x, zero in zip(inputs, zeros.inputs):
        x = centre(x, height, width)
        same.append(jnp.pad(x, _missing(x, maps), constant_values=zero))
    return max_pool(add_codes_jax(node, same, zeros), node.pool)


def _forward(
    node: CompactNode, weight: jax.Array | None, bias: jax.Array | None,
    inputs: Sequence[jax.Array],
) -> jax.Array:
    del weight, bias
    height, width = node.size or (min(x.shape[2] for x in inputs),
                                  min(x.shape[3] for x in inputs))
    maps = max(x.shape[1] for x in inputs)
    parts = [centre(x, height, width) for x in inputs]
    return jnp.asarray(sum(jnp.pad(x, _missing(x, maps)) for x in parts))


ADD = Int8Operation(quantize_sum, _emulate, _emulate_jax, _forward)
