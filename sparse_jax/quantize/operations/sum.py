"""Sum of equally long vectors: TFLite's ADD for any number of inputs."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.quantize import fixed_point, fixed_point_jax
from sparse_jax.quantize.operations.operation import Int8Operation, Setting, Zeros
from sparse_jax.quantize.quantized import (
    SUM_LEFT_SHIFT,
    QuantizedNode,
    UnfitNetworkError,
    summands,
)

_MOST_INPUTS = 15


def quantize_sum(node: CompactNode, setting: Setting) -> QuantizedNode:
    """Inputs are aligned to twice the largest scale, their sum is rescaled once."""
    if len(setting.inputs) > _MOST_INPUTS:
        raise UnfitNetworkError(f'{node.name}: more than {_MOST_INPUTS} summands')
    scales = np.array([x.scale for x in setting.inputs])
    twice = 2.0 * scales.max()
    parts = fixed_point.quantize_multipliers(scales / twice)
    total = fixed_point.quantize_multipliers(
        np.array([twice / (2.0**SUM_LEFT_SHIFT * setting.output.scale)]))
    if total[1][0] > 0:
        raise UnfitNetworkError(f'{node.name}: its summands are too large beside '
                                'their sum')
    return QuantizedNode(
        name=node.name, op=node.op, inputs=node.inputs, relu=node.relu, pool=node.pool,
        low=setting.output.zero_point if node.relu else -128, multiplier=total[0],
        shift=total[1], input_multiplier=parts[0], input_shift=parts[1],
        full_shape=setting.shape)


def add_codes(
    node: QuantizedNode, inputs: Sequence[np.ndarray], zeros: Zeros
) -> np.ndarray:
    """Codes of the sum of equally shaped inputs."""
    parts = [fixed_point.rescale((x - z) << SUM_LEFT_SHIFT, m, s)
             for x, z, (m, s) in zip(inputs, zeros.inputs, summands(node))]
    total = np.sum(parts, axis=0)
    return fixed_point.rescale(total, node.multiplier[0], node.shift[0]) + zeros.output


def add_codes_jax(
    node: QuantizedNode, inputs: Sequence[jax.Array], zeros: Zeros
) -> jax.Array:
    """Codes of the sum of equally shaped inputs."""
    total = jnp.zeros_like(inputs[0])
    for x, z, (m, s) in zip(inputs, zeros.inputs, summands(node)):
        total += fixed_point_jax.rescale((x - z) << SUM_LEFT_SHIFT, m, s)
    return zeros.output + fixed_point_jax.rescale(total, node.multiplier[0],
                                                  node.shift[0])


def _emulate(
    node: QuantizedNode, inputs: Sequence[np.ndarray], zeros: Zeros
) -> np.ndarray:
    return add_codes(node, [x.reshape(len(x), -1) for x in inputs], zeros)


def _emulate_jax(
    node: QuantizedNode, inputs: Sequence[jax.Array], zeros: Zeros
) -> jax.Array:
    return add_codes_jax(node, [x.reshape(x.shape[0], -1) for x in inputs], zeros)


def _forward(
    node: CompactNode, weight: jax.Array | None, bias: jax.Array | None,
    inputs: Sequence[jax.Array],
) -> jax.Array:
    del node, weight, bias
    return jnp.asarray(sum(x.reshape(x.shape[0], -1) for x in inputs))


SUM = Int8Operation(quantize_sum, _emulate, _emulate_jax, _forward)
