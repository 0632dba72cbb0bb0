"""What convolutions have in common: windows of feature maps."""

import numpy as np

from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, kernel_of


def map_positions(net: QuantizedNet, node: QuantizedNode, maps: int) -> np.ndarray:
    """[maps * k * k] byte offsets of a window from its first input."""
    _, height, width = net.shapes[node.inputs[0]]
    k = kernel_of(node).shape[-1]
    c, i, j = np.meshgrid(np.arange(maps), np.arange(k), np.arange(k), indexing='ij')
    return (c * height * width + i * width + j).ravel()


def kernel_text(node: QuantizedNode) -> str:
    """' 3x3'."""
    k = kernel_of(node).shape[-1]
    return f' {k}x{k}'
