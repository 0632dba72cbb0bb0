"""Operations with weights: what convolutions and dense layers have in common."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.quantize import blocks, fixed_point, fixed_point_jax
from sparse_jax.quantize.operations.operation import (
    Emulate,
    EmulateJax,
    InBlocks,
    Int8Operation,
    Setting,
    Zeros,
)
from sparse_jax.quantize.quantized import (
    QuantizedNode,
    UnfitNetworkError,
    kernel_of,
)
from sparse_jax.quantize.windows import max_pool

Product = Callable[[QuantizedNode, np.ndarray], np.ndarray]
"""(node, input codes less their zero) -> sums of products, int64."""
ProductJax = Callable[[QuantizedNode, jax.Array], jax.Array]
Scaled = Callable[[blocks.Block], blocks.Block]
"""Input codes -> sums of products, times the scale that is in the weights."""
ProductBlocks = Callable[[QuantizedNode, np.ndarray, Sequence[int]], Scaled]
"""(node, its weights as they are to be used, shape of its input)."""
RealProduct = Callable[[CompactNode, jax.Array, jax.Array], jax.Array]
"""(node, weights, input) -> output without bias."""


def weighted(
    product: Product, product_jax: ProductJax, product_blocks: ProductBlocks,
    real_product: RealProduct, *, one_scale: bool = False,
) -> Int8Operation:
    """The record of an operation with weights, from its four products.

    `one_scale`: its weights have a single scale where these are not per channel.
    """
    def quantize(node: CompactNode, setting: Setting) -> QuantizedNode:
        return quantize_weighted(node, setting, one_scale=one_scale)

    def forward(
        node: CompactNode, weight: jax.Array | None, bias: jax.Array | None,
        inputs: Sequence[jax.Array],
    ) -> jax.Array:
        assert weight is not None
        y = real_product(node, weight, inputs[0])
        return y if bias is None else y + bias.reshape((1, -1) + (1,) * (y.ndim - 2))

    return Int8Operation(quantize, _emulate(product), _emulate_jax(product_jax),
                         forward, in_blocks=_in_blocks(product_blocks))


def quantize_weighted(
    node: CompactNode, setting: Setting, *, one_scale: bool
) -> QuantizedNode:
    """Int8 weights, int32 biases and a multiplier per output channel."""
    x, y, peak = setting.inputs[0], setting.output, setting.peak
    assert node.weight is not None and peak is not None
    weight = np.asarray(node.weight, np.float64)
    rows = weight.reshape(len(weight), -1)
    bias = np.zeros(len(rows)) if node.bias is None else np.asarray(node.bias,
                                                                    np.float64)
    peak = np.asarray(peak, np.float64)
    if one_scale and not setting.per_channel_dense:
        peak = np.full_like(peak, peak.max(initial=0.0))
    # A channel without weights only passes its bias: any scale that resolves it.
    coarse = min(1e-3 / 127.0, y.scale / x.scale / 16.0)
    scale = np.where(peak > 0.0, peak / 127.0, coarse)
    least = np.abs(bias) + np.abs(rows).sum(axis=1) * abs(x.offset)
    scale = np.float32(np.maximum(scale, least / (x.scale * 2.0**29)))
    scale = np.asarray(scale, np.float64)
    q = np.clip(np.rint(rows / scale[:, None]), -127, 127)
    # The image's fractional zero point meets the weights as they are on the chip.
    bias = bias + (q * scale[:, None]).sum(axis=1) * x.offset
    bias_q = np.rint(bias / (x.scale * scale)).astype(np.int64)
    multiplier, shift = fixed_point.quantize_multipliers(x.scale * scale / y.scale)
    _check_accumulator(node.name, q, bias_q, shift)
    return QuantizedNode(
        name=node.name, op=node.op, inputs=node.inputs, pool=node.pool,
        relu=node.relu, gather=node.gather, stride=node.stride,
        low=y.zero_point if node.relu else -128,
        weight=q.reshape(weight.shape).astype(np.int8), bias=bias_q.astype(np.int32),
        weight_scale=scale, multiplier=multiplier, shift=shift,
        full_shape=setting.shape)


def _check_accumulator(
    name: str, q: np.ndarray, bias: np.ndarray, shift: np.ndarray
) -> None:
    bound = np.abs(q).sum(axis=1) * 255.0 + np.abs(bias)
    if np.any(bound * 2.0 ** np.maximum(shift, 0) >= 2.0**31):
        raise UnfitNetworkError(f'layer {name}: its 32-bit accumulator could overflow')


def _emulate(product: Product) -> Emulate:
    def emulate(
        node: QuantizedNode, inputs: Sequence[np.ndarray], zeros: Zeros
    ) -> np.ndarray:
        acc = product(node, inputs[0] - zeros.inputs[0])
        columns = (1, -1) + (1,) * (acc.ndim - 2)
        assert node.bias is not None
        acc = max_pool(acc + node.bias.reshape(columns), node.pool)
        return zeros.output + fixed_point.rescale(
            acc, node.multiplier.reshape(columns), node.shift.reshape(columns))

    return emulate


def _emulate_jax(product: ProductJax) -> EmulateJax:
    def emulate(
        node: QuantizedNode, inputs: Sequence[jax.Array], zeros: Zeros
    ) -> jax.Array:
        acc = product(node, inputs[0] - zeros.inputs[0])
        columns = (1, -1) + (1,) * (acc.ndim - 2)
        assert node.bias is not None
        acc = max_pool(acc + node.bias.reshape(columns), node.pool)
        return zeros.output + fixed_point_jax.rescale(
            acc, jnp.asarray(node.multiplier.reshape(columns)),
            node.shift.reshape(columns))

    return emulate


def _in_blocks(product_blocks: ProductBlocks) -> InBlocks:
    def in_blocks(
        node: QuantizedNode, shapes: Sequence[Sequence[int]], zeros: Zeros
    ) -> blocks.Run | None:
        assert node.bias is not None
        weight = kernel_of(node).astype(np.float64)
        kept = weight.reshape(len(weight), -1)
        # Sums of codes instead of distances from zero: what these lack is constant.
        start = node.bias - zeros.inputs[0] * kept.sum(axis=1)
        reach = 128.0 * np.abs(kept).sum(axis=1) + np.abs(start)
        rounding = blocks.rounding(node.multiplier, node.shift, reach)
        if rounding is None:
            return None
        scale = rounding.scale.reshape(-1, *(1,) * (weight.ndim - 1))
        product = product_blocks(node, weight * scale, shapes[0])

        def run(inputs: Sequence[blocks.Block]) -> blocks.Block:
            sums = blocks.pooled(product(inputs[0]), node.pool)
            return rounding.codes(sums, start[:, None], zeros.output, node.low)

        return run

    return in_blocks
