"""The int8 network run on the host in exact integers: the oracle of every backend."""

import numpy as np

from sparse_jax.quantize.fixed_point import rescale
from sparse_jax.quantize.quantized import (
    SUM_LEFT_SHIFT,
    QuantizedNet,
    QuantizedNode,
    pixel_codes,
)


def emulate(net: QuantizedNet, images: np.ndarray, *, batch: int = 512) -> np.ndarray:
    """Raw images [N, H, W, C] -> [N, classes] int8 logits."""
    codes = pixel_codes(net, images)
    parts = [emulate_codes(net, codes[i : i + batch])[net.output]
             for i in range(0, len(codes), batch)]
    return np.concatenate(parts)


def emulate_codes(net: QuantizedNet, codes: np.ndarray) -> dict[str, np.ndarray]:
    """All int8 tensors, {name: [N, ...]}, for uint8 pixel codes [N, H, W, C]."""
    x = np.moveaxis(codes, -1, 1)
    if net.squeeze_depth:
        x = x.max(axis=1, keepdims=True)
    x = _max_pool(x, net.downsample).astype(np.int16) - 128
    tensors = {'input': x.astype(np.int8)}
    for node in net.nodes:
        tensors[node.name] = _run_node(net, node, tensors)
    return tensors


def dequantize(net: QuantizedNet, logits: np.ndarray) -> np.ndarray:
    """Int8 logits -> real ones."""
    tensor = net.tensors[net.output]
    return tensor.scale * (logits.astype(np.float64) - tensor.zero_point)


def _run_node(net: QuantizedNet, node: QuantizedNode, tensors) -> np.ndarray:
    inputs = [tensors[name].astype(np.int64) for name in node.inputs]
    zeros = [net.tensors[name].zero_point for name in node.inputs]
    zero = net.tensors[node.name].zero_point
    if node.op == 'sum':
        parts = [rescale((x.reshape(len(x), -1) - z) << SUM_LEFT_SHIFT, m, s)
                 for x, z, m, s in zip(inputs, zeros, node.input_multiplier,
                                       node.input_shift)]
        y = rescale(sum(parts), node.multiplier[0], node.shift[0]) + zero
    elif node.op == 'concatenate':
        y = np.concatenate(
            [x.reshape(len(x), -1) if m == 0
             else rescale(x.reshape(len(x), -1) - z, m, s) + zero
             for x, z, m, s in zip(inputs, zeros, node.input_multiplier,
                                   node.input_shift)], axis=1)
    else:
        acc = _accumulate(node, inputs[0] - zeros[0])
        columns = (1, -1) + (1,) * (acc.ndim - 2)
        acc = _max_pool(acc + node.bias.reshape(columns), node.pool)
        y = rescale(acc, node.multiplier.reshape(columns),
                    node.shift.reshape(columns)) + zero
    return np.clip(y, node.low, 127).astype(np.int8)


def _accumulate(node, x):
    """Exact sums: the products stay far below 2^53, so float64 BLAS is an integer."""
    x, weight = x.astype(np.float64), node.weight.astype(np.float64)
    if node.op == 'dense':
        x = x.reshape(len(x), -1)
        x = x if node.gather is None else x[:, node.gather]
        return (x @ weight.T).astype(np.int64)
    k = weight.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))
    if node.op == 'conv':
        y = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3)))
        return np.moveaxis(y, -1, 1).astype(np.int64)
    return np.einsum('nchwij,cij->nchw', windows, weight).astype(np.int64)


def _max_pool(x, size):
    if size == 1:
        return x
    n, c, h, w = x.shape
    h, w = h // size, w // size
    x = x[:, :, : h * size, : w * size].reshape(n, c, h, size, w, size)
    return x.max(axis=(3, 5))
