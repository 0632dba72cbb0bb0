"""A compact network and its ranges -> the int8 network."""

import dataclasses

import numpy as np

from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize.operations import Setting, find
from sparse_jax.quantize.pixels import PixelGrid
from sparse_jax.quantize.quantized import (
    QTensor,
    QuantizedNet,
    UnfitNetworkError,
    input_tensor,
)
from sparse_jax.quantize.ranges import Ranges, share, tensor_names
from sparse_jax.space.architecture import MOST_AVERAGED

_HEADROOM = 2.0**22
_LEAST_SCALE = 1e-30
"""Of any tensor: float32 has no smaller one with all its digits."""


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
    if net.downsample_type == 'average' and net.downsample > MOST_AVERAGED:
        raise UnfitNetworkError(f'means of {net.downsample} pixels a side of the input '
                                f'do not fit; allowed: up to {MOST_AVERAGED}')
    pixels = pixels or ranges.pixels
    sorted_nodes = tuple(_sort_gather(node) for node in net.nodes)
    net = dataclasses.replace(net, nodes=sorted_nodes)
    tensors = _tensors(net, ranges, input_tensor(net, *pixels))
    shapes = net.tensor_shapes()
    nodes = []
    for node in net.nodes:
        setting = Setting(
            tuple(tensors[name] for name in node.inputs), tensors[node.name],
            net.output_shape(node, shapes), ranges.weights.get(node.name),
            per_channel_dense)
        nodes.append(find(node.op).quantize(node, setting))
    return QuantizedNet(net.input_shape, net.downsample, net.squeeze_depth,
                        pixels[0], pixels[1], tensors, shapes, tuple(nodes),
                        net.downsample_type)


def _sort_gather(node: CompactNode) -> CompactNode:
    """Gathered inputs in memory order; integer sums do not mind."""
    if node.gather is None:
        return node
    order = np.argsort(node.gather, kind='stable')
    return dataclasses.replace(node, gather=np.asarray(node.gather)[order],
                               weight=np.asarray(node.weight)[:, order])


def _tensors(net: CompactNet, ranges: Ranges, image: QTensor) -> dict[str, QTensor]:
    """{name: QTensor}; tensors that share a scale get the union of their ranges."""
    groups = share(net)
    lows, highs, least = {}, {}, {}
    tensors = {'input': image}
    own = [node for node in net.nodes if groups[node.name] != 'input']
    for node in own:
        group = groups[node.name]
        low, high = ranges.activations[node.name]
        lows[group] = min(lows.get(group, 0.0), low)
        highs[group] = max(highs.get(group, 0.0), high)
    for node in own:
        group = groups[node.name]
        least[group] = max(least.get(group, _LEAST_SCALE), _worst(
            node, lows, highs, groups, image) / _HEADROOM)
    for name in tensor_names(net):
        if groups[name] == 'input':
            tensors[name] = image
            continue
        group = groups[name]
        low, span = lows[group], _span(lows[group], highs[group])
        scale = float(np.float32(max(span / 255.0, least[group])))
        zero_point = int(np.clip(np.rint(-128.0 - low / scale), -128, 127))
        tensors[name] = QTensor(scale, zero_point)
    return tensors


def _span(low: float, high: float) -> float:
    """Width of a range; any will do for a tensor that is constant 0."""
    return high - low if high > low else 1.0


def _worst(
    node: CompactNode, lows: dict[str, float], highs: dict[str, float],
    groups: dict[str, str], image: QTensor,
) -> float:
    """A bound of the output's magnitude.

    The output scale must not be vanishingly small beside it, or the rescaling would
    need a left shift that overflows (dead units, networks trained to nothing).
    """
    reach = []
    for name in node.inputs:
        group = groups[name]
        reach.append(image.scale * 255.0 if group == 'input'
                     else _span(lows[group], highs[group]))
    if node.weight is None:
        return float(sum(reach))
    rows = np.abs(np.asarray(node.weight, np.float64)).reshape(len(node.weight), -1)
    bias = 0.0 if node.bias is None else np.abs(np.asarray(node.bias, np.float64))
    return float(np.max(rows.sum(axis=1) * reach[0] + bias))
