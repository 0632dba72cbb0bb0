"""A compact network and its ranges -> the int8 network."""

import dataclasses

import numpy as np

from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize.fixed_point import quantize_multipliers
from sparse_jax.quantize.pixels import PixelGrid
from sparse_jax.quantize.quantized import (
    SUM_LEFT_SHIFT,
    QTensor,
    QuantizedNet,
    QuantizedNode,
    UnfitNetworkError,
    input_tensor,
)
from sparse_jax.quantize.ranges import Ranges, share, tensor_names

_HEADROOM = 2.0**22
_LEAST_SCALE = 1e-30
"""Of any tensor: float32 has no smaller one with all its digits."""
_MAX_SUM_INPUTS = 15


def quantize(
    net: CompactNet,
    ranges: Ranges,
    *,
    pixels: PixelGrid | None = None,
    per_channel_dense: bool = True,
) -> QuantizedNet:
    """Int8 weights and activations with int32 biases, TFLite arithmetic.

    `pixels` is (low, step) of the uint8 pixel codes, by default that of the ranges.
    Convolutions have one weight scale per output channel; dense layers too unless
    `per_channel_dense` is off (older TFLM kernels have one scale per dense layer).
    """
    pixels = pixels or ranges.pixels
    sorted_nodes = tuple(_sort_gather(node) for node in net.nodes)
    net = dataclasses.replace(net, nodes=sorted_nodes)
    tensors = _tensors(net, ranges, input_tensor(net, *pixels))
    shapes = net.tensor_shapes()
    nodes = tuple(
        _weighted(node, tensors, ranges, per_channel_dense)
        if node.weight is not None else _merge(node, tensors)
        for node in net.nodes)
    return QuantizedNet(net.input_shape, net.downsample, net.squeeze_depth,
                        pixels[0], pixels[1], tensors, shapes, nodes)


def _sort_gather(node: CompactNode) -> CompactNode:
    """Gathered inputs in memory order; integer sums do not mind."""
    if node.gather is None:
        return node
    order = np.argsort(node.gather, kind='stable')
    return dataclasses.replace(node, gather=np.asarray(node.gather)[order],
                               weight=np.asarray(node.weight)[:, order])


def _tensors(net, ranges, image):
    """{name: QTensor}; tensors that share a scale get the union of their ranges."""
    groups = share(net)
    lows, highs, least = {}, {}, {}
    tensors = {'input': image}
    for node in net.nodes:
        group = groups[node.name]
        low, high = ranges.activations[node.name]
        lows[group] = min(lows.get(group, 0.0), low)
        highs[group] = max(highs.get(group, 0.0), high)
    for node in net.nodes:
        group = groups[node.name]
        least[group] = max(least.get(group, _LEAST_SCALE), _worst(
            node, lows, highs, groups, image) / _HEADROOM)
    for name in tensor_names(net):
        if name == 'input':
            continue
        group = groups[name]
        low, span = lows[group], _span(lows[group], highs[group])
        scale = float(np.float32(max(span / 255.0, least[group])))
        zero_point = int(np.clip(np.rint(-128.0 - low / scale), -128, 127))
        tensors[name] = QTensor(scale, zero_point)
    return tensors


def _span(low, high):
    """Width of a range; any will do for a tensor that is constant 0."""
    return high - low if high > low else 1.0


def _worst(node, lows, highs, groups, image):
    """A bound of the output's magnitude.

    The output scale must not be vanishingly small beside it, or the rescaling would
    need a left shift that overflows (dead units, networks trained to nothing).
    """
    reach = []
    for name in node.inputs:
        group = groups[name]
        reach.append(image.scale * 255.0 if name == 'input'
                     else _span(lows[group], highs[group]))
    if node.weight is None:
        return float(sum(reach))
    rows = np.abs(np.asarray(node.weight, np.float64)).reshape(len(node.weight), -1)
    bias = 0.0 if node.bias is None else np.abs(np.asarray(node.bias, np.float64))
    return float(np.max(rows.sum(axis=1) * reach[0] + bias))


def _weighted(node, tensors, ranges, per_channel_dense):
    x, y = tensors[node.inputs[0]], tensors[node.name]
    weight = np.asarray(node.weight, np.float64)
    rows = weight.reshape(len(weight), -1)
    bias = np.zeros(len(rows)) if node.bias is None else np.asarray(node.bias,
                                                                    np.float64)
    scale = _weight_scale(node, ranges.weights[node.name], per_channel_dense,
                          y.scale / x.scale)
    least = np.abs(bias) + np.abs(rows).sum(axis=1) * abs(x.offset)
    scale = np.float32(np.maximum(scale, least / (x.scale * 2.0**29)))
    scale = np.asarray(scale, np.float64)
    q = np.clip(np.rint(rows / scale[:, None]), -127, 127)
    # The image's fractional zero point meets the weights as they are on the chip.
    bias = bias + (q * scale[:, None]).sum(axis=1) * x.offset
    bias_q = np.rint(bias / (x.scale * scale)).astype(np.int64)
    multiplier, shift = quantize_multipliers(x.scale * scale / y.scale)
    _check_accumulator(node.name, q, bias_q, shift)
    return QuantizedNode(
        name=node.name, op=node.op, inputs=node.inputs, pool=node.pool,
        relu=node.relu, gather=node.gather, low=y.zero_point if node.relu else -128,
        weight=q.reshape(weight.shape).astype(np.int8), bias=bias_q.astype(np.int32),
        weight_scale=scale, multiplier=multiplier, shift=shift)


def _weight_scale(
    node: CompactNode, peak: np.ndarray, per_channel_dense: bool, gain: float
) -> np.ndarray:
    """[O] scales of a layer whose output steps are `gain` input steps."""
    peak = np.asarray(peak, np.float64)
    if node.op == 'dense' and not per_channel_dense:
        peak = np.full_like(peak, peak.max(initial=0.0))
    # A channel without weights only passes its bias: any scale that resolves it.
    return np.where(peak > 0.0, peak / 127.0, min(1e-3 / 127.0, gain / 16.0))


def _check_accumulator(name, q, bias, shift):
    bound = np.abs(q).sum(axis=1) * 255.0 + np.abs(bias)
    if np.any(bound * 2.0 ** np.maximum(shift, 0) >= 2.0**31):
        raise UnfitNetworkError(f'layer {name}: its 32-bit accumulator could overflow')


def _merge(node, tensors):
    y = tensors[node.name]
    inputs = [tensors[name] for name in node.inputs]
    scales = np.array([x.scale for x in inputs])
    if node.op == 'sum':
        if len(inputs) > _MAX_SUM_INPUTS:
            raise UnfitNetworkError(
                f'{node.name}: more than {_MAX_SUM_INPUTS} summands')
        twice = 2.0 * scales.max()
        parts = quantize_multipliers(scales / twice)
        total = quantize_multipliers(
            np.array([twice / (2.0**SUM_LEFT_SHIFT * y.scale)]))
        if total[1][0] > 0:
            raise UnfitNetworkError(f'{node.name}: its summands are too large beside '
                                    'their sum')
    else:
        same = [(x.scale, x.zero_point) == (y.scale, y.zero_point) for x in inputs]
        parts = quantize_multipliers(np.where(same, 0.0, scales / y.scale))
        total = quantize_multipliers(np.zeros(1))
    return QuantizedNode(
        name=node.name, op=node.op, inputs=node.inputs, relu=node.relu,
        low=y.zero_point if node.relu else -128, multiplier=total[0], shift=total[1],
        input_multiplier=parts[0], input_shift=parts[1])
