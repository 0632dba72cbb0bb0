"""Convolution: the layer loop over all maps of a window; CONV_2D."""

import numpy as np

from sparse_jax.export.operations.maps import kernel_text, map_positions
from sparse_jax.export.operations.operation import (
    ExportOperation,
    Extents,
    Layout,
    TfliteKind,
)
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, kernel_of


def _positions(net: QuantizedNet, node: QuantizedNode) -> np.ndarray:
    return map_positions(net, node, kernel_of(node).shape[1])


def _extents(net: QuantizedNet, node: QuantizedNode) -> Extents:
    _, height, width = net.shapes[node.inputs[0]]
    _, planes, k, _ = kernel_of(node).shape
    return Extents(0, height * width, width, planes, k, k, *net.shapes[node.name][1:])


def _tflite_weight(net: QuantizedNet, node: QuantizedNode) -> tuple[np.ndarray, int]:
    del net
    return np.ascontiguousarray(kernel_of(node).transpose(0, 2, 3, 1)), 0


CONV = ExportOperation(
    Layout(True, _positions, _extents, _tflite_weight, TfliteKind(
        'CONV_2D', 'Conv2DOptions', {'Padding': 1}, 3)),
    window=kernel_text)
