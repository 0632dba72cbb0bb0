"""A pruned network cut to its exact shape: what is counted, quantised and exported.

A `CompactNet` is a small feed-forward graph of host (NumPy) arrays. It is made by
`model.shrink` and read by the memory model, the integer emulator and the exporters.
Feature maps are [channels, height, width]; vectors are [units].
"""

import dataclasses
import math
from typing import TypeVar

import jax
import numpy as np

from sparse_jax import ops
from sparse_jax.ops import CompactNode as CompactNode
from sparse_jax.ops.operation import Shape, Shapes

LogitsT = TypeVar('LogitsT', np.ndarray, jax.Array)

AT_ONCE = 500
"""Images whose tensors are held at a time."""


@dataclasses.dataclass(frozen=True)
class CompactNet:
    """An exact network, from the raw image to the logits.

    The tensor `'input'` is the image after, in this order: maximum over channels if
    `squeeze_depth`, then the maximum or average (`downsample_type`) of windows of
    downsample x downsample pixels side by side if `downsample` > 1, then
    (pixel - mean) / std. `input_shape` is the raw image's (height, width, channels).
    The last node yields the logits, one per class, or a single one for two classes:
    logit 1 less logit 0.
    """

    input_shape: tuple[int, int, int]
    downsample: int
    squeeze_depth: bool
    mean: float
    std: float
    nodes: tuple[CompactNode, ...]
    downsample_type: str = 'max'

    def tensor_shapes(self) -> dict[str, Shape]:
        """Shape of every tensor: pooled outputs by node name, and 'input'."""
        h, w, c = self.input_shape
        rate = self.downsample
        shapes: dict[str, Shape] = {
            'input': (1 if self.squeeze_depth else c, h // rate, w // rate)}
        for node in self.nodes:
            out = self.output_shape(node, shapes)
            if node.pool > 1:
                out = (out[0], out[1] // node.pool, out[2] // node.pool)
            shapes[node.name] = out
        return shapes

    @property
    def classes(self) -> int:
        """How many classes the logits tell apart."""
        return num_classes(math.prod(self.tensor_shapes()[self.nodes[-1].name]))

    def output_shape(self, node: CompactNode, shapes: Shapes) -> Shape:
        """Shape of a node's output before pooling: the y of the memory model."""
        return ops.find(node.op).pruned.output(node, shapes)


def prepare_input(net: CompactNet, images: np.ndarray) -> np.ndarray:
    """Raw images [N, H, W, C] -> the tensor 'input' [N, c, h, w] as float64."""
    x = np.moveaxis(np.asarray(images, np.float64), -1, 1)
    if net.squeeze_depth:
        x = x.max(axis=1, keepdims=True)
    return (_downsampled(net, x) - net.mean) / net.std


def _downsampled(net: CompactNet, x: np.ndarray) -> np.ndarray:
    if net.downsample == 1 or net.downsample_type == 'max':
        return _max_pool(x, net.downsample)
    return _windows(x, net.downsample).mean(axis=(3, 5))


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
    """[N, units] logits for raw images [N, H, W, C]; see `per_class` for one unit.

    Any number of images will do, one at least: `AT_ONCE` of them are run at a time.
    """
    last = net.nodes[-1].name
    return np.concatenate([run(net, images[start:start + AT_ONCE])[last]
                           for start in range(0, len(images), AT_ONCE)])


def classify(net: CompactNet, images: np.ndarray) -> np.ndarray:
    """[N] classes of raw images [N, H, W, C]; of equal logits the first class."""
    return per_class(logits(net, images)).argmax(-1)


def output_units(classes: int) -> int:
    """The fewest output units that tell so many classes apart."""
    return 1 if classes == 2 else classes


def num_classes(units: int) -> int:
    """Classes that so many output units tell apart."""
    return 2 if units == 1 else units


def per_class(logits: LogitsT) -> LogitsT:
    """Real logits [N, units] -> [N, classes]: the single d of two classes is (0, d)."""
    if logits.shape[-1] != 1:
        return logits
    return logits * np.array([0, 1], logits.dtype)


def _apply(node: CompactNode, inputs: list[np.ndarray]) -> np.ndarray:
    y = ops.find(node.op).pruned.apply(node, inputs)
    if node.bias is None:
        return y
    return y + np.asarray(node.bias).reshape((1, -1) + (1,) * (y.ndim - 2))


def _max_pool(x: np.ndarray, size: int) -> np.ndarray:
    return x if size == 1 else _windows(x, size).max(axis=(3, 5))


def _windows(x: np.ndarray, size: int) -> np.ndarray:
    """[N, C, H // size, size, W // size, size] of maps [N, C, H, W]."""
    n, c, h, w = x.shape
    h, w = h // size, w // size
    return x[:, :, : h * size, : w * size].reshape(n, c, h, size, w, size)
