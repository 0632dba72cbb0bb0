"""Inputs one after the other, flattened, all in the scale of the output."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.quantize import blocks, fixed_point, fixed_point_jax
from sparse_jax.quantize.operations.operation import Int8Operation, Setting, Zeros
from sparse_jax.quantize.quantized import QuantizedNode, summands


def _quantize(node: CompactNode, setting: Setting) -> QuantizedNode:
    """Inputs of another scale, as the image is, are rescaled while they are copied."""
    y = setting.output
    same = [(x.scale, x.zero_point) == (y.scale, y.zero_point) for x in setting.inputs]
    scales = np.array([x.scale for x in setting.inputs])
    parts = fixed_point.quantize_multipliers(np.where(same, 0.0, scales / y.scale))
    total = fixed_point.quantize_multipliers(np.zeros(1))
    return QuantizedNode(
        name=node.name, op=node.op, inputs=node.inputs, relu=node.relu,
        low=y.zero_point if node.relu else -128, multiplier=total[0], shift=total[1],
        input_multiplier=parts[0], input_shift=parts[1], full_shape=setting.shape)


def _emulate(
    node: QuantizedNode, inputs: Sequence[np.ndarray], zeros: Zeros
) -> np.ndarray:
    parts = [x if m == 0 else fixed_point.rescale(x - z, m, s) + zeros.output
             for x, z, (m, s) in zip(inputs, zeros.inputs, summands(node))]
    return np.concatenate([x.reshape(len(x), -1) for x in parts], axis=1)


def _emulate_jax(
    node: QuantizedNode, inputs: Sequence[jax.Array], zeros: Zeros
) -> jax.Array:
    parts = [x if m == 0 else fixed_point_jax.rescale(x - z, m, s) + zeros.output
             for x, z, (m, s) in zip(inputs, zeros.inputs, summands(node))]
    return jnp.concatenate([x.reshape(x.shape[0], -1) for x in parts], axis=1)


def _in_blocks(
    node: QuantizedNode, shapes: Sequence[Sequence[int]], zeros: Zeros
) -> blocks.Run | None:
    del shapes, zeros
    if any(multiplier for multiplier, _ in summands(node)):
        return None
    return lambda inputs: np.concatenate([blocks.flat(x) for x in inputs])


def _forward(
    node: CompactNode, weight: jax.Array | None, bias: jax.Array | None,
    inputs: Sequence[jax.Array],
) -> jax.Array:
    del node, weight, bias
    return jnp.concatenate([x.reshape(x.shape[0], -1) for x in inputs], axis=1)


CONCATENATE = Int8Operation(_quantize, _emulate, _emulate_jax, _forward,
                            scale='joined', in_blocks=_in_blocks)
