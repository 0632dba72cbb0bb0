"""Depthwise convolution: the layer loop over one map; DEPTHWISE_CONV_2D.

It may overwrite its input: a VALID window lies at or after the place that its result
goes to, and channels do not mix.
"""

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
    return map_positions(net, node, 1)


def _extents(net: QuantizedNet, node: QuantizedNode) -> Extents:
    _, height, width = net.shapes[node.inputs[0]]
    plane, k = height * width, kernel_of(node).shape[-1]
    return Extents(plane, plane, width, 1, k, k, *net.shapes[node.name][1:])


def _tflite_weight(net: QuantizedNet, node: QuantizedNode) -> tuple[np.ndarray, int]:
    del net
    return np.ascontiguousarray(kernel_of(node).transpose(1, 2, 0)[None]), 3


DEPTHWISE = ExportOperation(
    Layout(True, _positions, _extents, _tflite_weight, TfliteKind(
        'DEPTHWISE_CONV_2D', 'DepthwiseConv2DOptions',
        {'Padding': 1, 'DepthMultiplier': 1}, 3)),
    reuse='overwrite', window=kernel_text)
