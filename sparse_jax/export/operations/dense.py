"""Dense layer: the layer loop over one row, or over gathered inputs; FULLY_CONNECTED.
"""

import math

import numpy as np

from sparse_jax.export.operations.operation import (
    ExportOperation,
    Extents,
    Layout,
    TfliteKind,
)
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, kernel_of


def _positions(net: QuantizedNet, node: QuantizedNode) -> np.ndarray:
    del net
    if node.gather is None:
        return np.arange(kernel_of(node).shape[1])
    return np.asarray(node.gather)


def _extents(net: QuantizedNet, node: QuantizedNode) -> Extents:
    del net
    return Extents(0, 0, 0, 1, 1, kernel_of(node).shape[1], 1, 1)


def _tflite_weight(net: QuantizedNet, node: QuantizedNode) -> tuple[np.ndarray, int]:
    """A map is [H, W, C] there; inputs that are not gathered get zeros."""
    shape, weight = net.shapes[node.inputs[0]], kernel_of(node)
    if node.gather is not None:
        full = np.zeros((len(weight), math.prod(shape)), np.int8)
        np.add.at(full.T, node.gather, weight.T)
        weight = full
    if len(shape) == 3:
        weight = weight.reshape(-1, *shape).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(weight.reshape(len(weight), -1)), 0


DENSE = ExportOperation(
    Layout(False, _positions, _extents, _tflite_weight, TfliteKind(
        'FULLY_CONNECTED', 'FullyConnectedOptions', {}, 4), one_scale=True))
