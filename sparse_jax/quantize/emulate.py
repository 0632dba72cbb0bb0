"""The int8 network run on the host in exact integers: the oracle of every backend."""

import numpy as np

from sparse_jax.model.compact import per_class
from sparse_jax.quantize.operations import find
from sparse_jax.quantize.operations.operation import Zeros
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, pixel_codes
from sparse_jax.quantize.windows import downsampled


def emulate(net: QuantizedNet, images: np.ndarray, *, batch: int = 512) -> np.ndarray:
    """Raw images [N, H, W, C] -> [N, units] int8 logits."""
    codes = pixel_codes(net, images)
    parts = [emulate_codes(net, codes[i : i + batch])[net.output]
             for i in range(0, len(codes), batch)]
    return np.concatenate(parts)


def emulate_codes(net: QuantizedNet, codes: np.ndarray) -> dict[str, np.ndarray]:
    """All int8 tensors, {name: [N, ...]}, for uint8 pixel codes [N, H, W, C]."""
    tensors = {'input': input_codes(net, codes)}
    for node in net.nodes:
        inputs = [tensors[name].astype(np.int64) for name in node.inputs]
        y = find(node.op).emulate(node, inputs, zeros_of(net, node))
        tensors[node.name] = np.clip(y, node.low, 127).astype(np.int8)
    return tensors


def input_codes(net: QuantizedNet, codes: np.ndarray) -> np.ndarray:
    """The int8 tensor 'input' [N, c, h, w] of uint8 pixel codes [N, H, W, C]."""
    x = np.moveaxis(codes, -1, 1)
    if net.squeeze_depth:
        x = x.max(axis=1, keepdims=True)
    x = downsampled(x.astype(np.int64) - 128, net.downsample, net.downsample_type)
    return x.astype(np.int8)


def dequantize(net: QuantizedNet, logits: np.ndarray) -> np.ndarray:
    """Int8 logits -> real ones."""
    tensor = net.tensors[net.output]
    real = tensor.scale * (logits.astype(np.float64) - tensor.zero_point)
    return real + tensor.offset


def classes_of(net: QuantizedNet, logits: np.ndarray) -> np.ndarray:
    """Int8 logits [N, units] -> [N] classes: the largest, the first of equals; of a
    single logit class 1 if it is above its zero point."""
    return per_class(dequantize(net, logits)).argmax(-1)


def zeros_of(net: QuantizedNet, node: QuantizedNode) -> Zeros:
    """The zero points of a node's inputs and of its output."""
    return Zeros(tuple(net.tensors[name].zero_point for name in node.inputs),
                 net.tensors[node.name].zero_point)
