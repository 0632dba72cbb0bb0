"""Mean of windows side by side: TFLite's AVERAGE_POOL_2D.

It keeps the scale of its input, the image's too, and rounds halves away from zero.
"""

from collections.abc import Sequence

import jax
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.quantize import blocks
from sparse_jax.quantize.operations.operation import Int8Operation, Setting, Zeros
from sparse_jax.quantize.quantized import QuantizedNode, UnfitNetworkError
from sparse_jax.quantize.windows import average, max_pool, tiles

_MOST_PIXELS = 1 << 23
"""Of a window: the sum of so many codes fits 32 bits with room to round."""


def _quantize(node: CompactNode, setting: Setting) -> QuantizedNode:
    if node.kernel**2 > _MOST_PIXELS:
        raise UnfitNetworkError(f'{node.name}: a window of {node.kernel} pixels a side '
                                'does not fit 32 bits')
    y, none = setting.output, np.zeros(1, np.int32)
    return QuantizedNode(
        name=node.name, op=node.op, inputs=node.inputs, relu=node.relu, pool=node.pool,
        low=y.zero_point if node.relu else -128, multiplier=none, shift=none,
        kernel=node.kernel, full_shape=setting.shape)


def window(
    node: CompactNode | QuantizedNode, shape: tuple[int, ...]
) -> tuple[int, int]:
    """(height, width) of the windows over maps of a shape [..., H, W]."""
    return min(node.kernel, shape[-2]), min(node.kernel, shape[-1])


def _emulate(
    node: QuantizedNode, inputs: Sequence[np.ndarray], zeros: Zeros
) -> np.ndarray:
    del zeros
    high, wide = window(node, inputs[0].shape)
    return max_pool(average(inputs[0], high, wide), node.pool)


def _emulate_jax(
    node: QuantizedNode, inputs: Sequence[jax.Array], zeros: Zeros
) -> jax.Array:
    del zeros
    high, wide = window(node, inputs[0].shape)
    return max_pool(average(inputs[0], high, wide), node.pool)


def _in_blocks(
    node: QuantizedNode, shapes: Sequence[Sequence[int]], zeros: Zeros
) -> blocks.Run:
    del zeros
    high, wide = window(node, tuple(shapes[0]))
    size = high * wide

    def run(inputs: Sequence[blocks.Block]) -> blocks.Block:
        x = inputs[0]
        rows, columns = x.shape[0] // high, x.shape[1] // wide
        x = x[: rows * high, : columns * wide]
        total = x.reshape(rows, high, columns, wide, *x.shape[2:]).sum(axis=(1, 3))
        # A quotient of such integers is never rounded up to the next one.
        mean = np.floor((np.abs(total) + size // 2) / size)
        return blocks.pooled(np.copysign(mean, total), node.pool)

    return run


def _forward(
    node: CompactNode, weight: jax.Array | None, bias: jax.Array | None,
    inputs: Sequence[jax.Array],
) -> jax.Array:
    del weight, bias
    return tiles(inputs[0], *window(node, inputs[0].shape)).mean(axis=(3, 5))


AVERAGE_POOL = Int8Operation(_quantize, _emulate, _emulate_jax, _forward, scale='kept',
                            in_blocks=_in_blocks)
