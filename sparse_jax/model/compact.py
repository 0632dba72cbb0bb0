"""A pruned network cut to its exact shape: what is counted, quantised and exported.

A `CompactNet` is a small feed-forward graph of host (NumPy) arrays. It is made by
`model.shrink` and read by the memory model, the integer emulator and the exporters.
Feature maps are [channels, height, width]; vectors are [units].
"""

import dataclasses
from typing import Literal

import numpy as np

Op = Literal['conv', 'depthwise', 'dense', 'sum', 'concatenate']


@dataclasses.dataclass(frozen=True)
class CompactNode:
    """One operation. Its output tensor carries the node's name.

    conv:        weight [O, C, k, k]; VALID, stride 1.
    depthwise:   weight [C, k, k]; VALID, stride 1, one kernel per channel.
    dense:       weight [O, I]; reads its input flattened in (C, H, W) order and,
                 with `gather`, only the I listed positions of it.
    sum:         element-wise sum of equally long vectors (feature maps are flattened).
    concatenate: its inputs one after the other, flattened.

    Zeros in `weight` are pruned weights. After the operation: + bias, ReLU if `relu`,
    then a pool x pool / pool VALID maximum if `pool` > 1 (feature maps only).
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    relu: bool = False
    pool: int = 1
    gather: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class CompactNet:
    """An exact network, from the raw image to the logits.

    The tensor `'input'` is the image after, in this order: maximum over channels if
    `squeeze_depth`, then a downsample x downsample / downsample VALID maximum if
    `downsample` > 1, then (pixel - mean) / std. `input_shape` is the raw image's
    (height, width, channels). The last node yields the logits.
    """

    input_shape: tuple[int, int, int]
    downsample: int
    squeeze_depth: bool
    mean: float
    std: float
    nodes: tuple[CompactNode, ...]

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor: pooled outputs by node name, and 'input'."""
        h, w, c = self.input_shape
        rate = self.downsample
        shapes = {'input': (1 if self.squeeze_depth else c, h // rate, w // rate)}
        for node in self.nodes:
            out = self.output_shape(node, shapes)
            if node.pool > 1:
                out = (out[0], out[1] // node.pool, out[2] // node.pool)
            shapes[node.name] = out
        return shapes

    def output_shape(self, node: CompactNode, shapes: dict) -> tuple[int, ...]:
        """Shape of a node's output before pooling: the y of the memory model."""
        first = shapes[node.inputs[0]]
        if node.op in ('conv', 'depthwise'):
            k = node.weight.shape[-1]
            return (node.weight.shape[0], first[1] - k + 1, first[2] - k + 1)
        if node.op == 'dense':
            return (node.weight.shape[0],)
        if node.op == 'sum':
            return (int(np.prod(first)),)
        return (sum(int(np.prod(shapes[i])) for i in node.inputs),)


def prepare_input(net: CompactNet, images: np.ndarray) -> np.ndarray:
    """Raw images [N, H, W, C] -> the tensor 'input' [N, c, h, w] as float64."""
    x = np.moveaxis(np.asarray(images, np.float64), -1, 1)
    if net.squeeze_depth:
        x = x.max(axis=1, keepdims=True)
    return (_max_pool(x, net.downsample) - net.mean) / net.std


def run(net: CompactNet, images: np.ndarray) -> dict[str, np.ndarray]:
    """All tensors of the network for raw images [N, H, W, C], in float64.

    Returns {name: [N, ...]}; the last node's entry holds the logits.
    """
    tensors = {'input': prepare_input(net, images)}
    for node in net.nodes:
        inputs = [tensors[name] for name in node.inputs]
        y = _apply(node, inputs)
        if node.relu:
            y = np.maximum(y, 0.0)
        tensors[node.name] = _max_pool(y, node.pool) if node.pool > 1 else y
    return tensors


def logits(net: CompactNet, images: np.ndarray) -> np.ndarray:
    """[N, classes] logits for raw images [N, H, W, C]."""
    return run(net, images)[net.nodes[-1].name]


def _apply(node, inputs):
    if node.op == 'sum':
        return sum(x.reshape(len(x), -1) for x in inputs)
    if node.op == 'concatenate':
        return np.concatenate([x.reshape(len(x), -1) for x in inputs], axis=1)
    weight = np.asarray(node.weight, np.float64)
    if node.op == 'dense':
        x = inputs[0].reshape(len(inputs[0]), -1)
        x = x if node.gather is None else x[:, node.gather]
        y = x @ weight.T
    else:
        k = weight.shape[-1]
        windows = np.lib.stride_tricks.sliding_window_view(inputs[0], (k, k), (2, 3))
        pattern = 'nchwij,ocij->nohw' if node.op == 'conv' else 'nchwij,cij->nchw'
        y = np.einsum(pattern, windows, weight, optimize=True)
    if node.bias is None:
        return y
    return y + np.asarray(node.bias).reshape((1, -1) + (1,) * (y.ndim - 2))


def _max_pool(x, size):
    if size == 1:
        return x
    n, c, h, w = x.shape
    h, w = h // size, w // size
    x = x[:, :, : h * size, : w * size].reshape(n, c, h, size, w, size)
    return x.max(axis=(3, 5))
