"""The int8 form of a compact network: integers, and the scales that gave them."""

import dataclasses
import math

import numpy as np

from sparse_jax.model.compact import CompactNet, num_classes
from sparse_jax.quantize.pixels import codes_of


class UnfitNetworkError(ValueError):
    """A network that the int8 arithmetic or its tables cannot hold."""


SUM_LEFT_SHIFT = 20
"""TFLite's ADD scales its inputs up by 2^20 before it aligns them."""


@dataclasses.dataclass(frozen=True)
class QTensor:
    """real = scale * (q - zero_point) + offset, q in int8.

    The scale is a float32 value, as .tflite stores it. `offset` is zero but for the
    image, whose exact zero point (mean - low) / step need not be an integer; it is
    folded into the biases of the layers that read the image.
    """

    scale: float
    zero_point: int
    offset: float = 0.0


@dataclasses.dataclass(frozen=True)
class QuantizedNode:
    """One operation on int8 tensors; fields as in `CompactNode`.

    conv, depthwise, dense: `weight` int8 as there, `bias` int32 [O] in units of
    input scale x `weight_scale` [O]; output = clamp(rescale(sum (x - zx) w + bias,
    multiplier [O], shift [O]) + zero_point, low, 127); pooling is a maximum.
    sum: every input i contributes rescale((x_i - z_i) << 20, input_multiplier[i],
    input_shift[i]); the total is rescaled by multiplier[0], shift[0].
    add: as sum, of the middles of its inputs, [C, H, W] = `full_shape`; maps that an
    input lacks count as its zero point.
    average_pool: the mean of the codes of a window, halves away from zero; no scale
    changes.
    concatenate: input i is copied if input_multiplier[i] is 0 (same scale), else
    rescale(x_i - z_i, input_multiplier[i], input_shift[i]) + zero_point.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    low: int
    multiplier: np.ndarray
    shift: np.ndarray
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    weight_scale: np.ndarray | None = None
    pool: int = 1
    gather: np.ndarray | None = None
    input_multiplier: np.ndarray | None = None
    input_shift: np.ndarray | None = None
    relu: bool = False
    kernel: int = 1
    stride: int = 1
    full_shape: tuple[int, ...] = ()
    """Of the output before its pool."""


@dataclasses.dataclass(frozen=True)
class QuantizedNet:
    """An int8 network. Pixels come as uint8 codes: pixel = low + step * code.

    The tensor 'input' is code - 128 after the maximum of channels, and then the maximum
    or the mean of windows, halves away from zero, [c, h, w].
    """

    input_shape: tuple[int, int, int]
    downsample: int
    squeeze_depth: bool
    pixel_low: float
    pixel_step: float
    tensors: dict[str, QTensor]
    shapes: dict[str, tuple[int, ...]]
    nodes: tuple[QuantizedNode, ...]
    downsample_type: str = 'max'

    @property
    def averages(self) -> bool:
        """Whether the input is down-sampled by means."""
        return self.downsample > 1 and self.downsample_type == 'average'

    @property
    def output(self) -> str:
        """Name of the tensor of logits."""
        return self.nodes[-1].name

    @property
    def units(self) -> int:
        """How many logits there are."""
        return math.prod(self.shapes[self.output])

    @property
    def classes(self) -> int:
        """How many classes they tell apart: a single logit two, see `CompactNet`."""
        return num_classes(self.units)


def kernel_of(node: QuantizedNode) -> np.ndarray:
    """The int8 weights of a node that has some."""
    if node.weight is None:
        raise ValueError(f'node {node.name!r}: {node.op} has no weights')
    return node.weight


def summands(node: QuantizedNode) -> list[tuple[int, int]]:
    """(multiplier, shift) of every input of a node without weights."""
    if node.input_multiplier is None or node.input_shift is None:
        raise ValueError(f'node {node.name!r}: {node.op} does not rescale its inputs')
    return list(zip(node.input_multiplier, node.input_shift))


def pixel_codes(net: QuantizedNet, images: np.ndarray) -> np.ndarray:
    """Raw pixels [N, H, W, C] -> uint8 codes of the same shape."""
    return codes_of(images, (net.pixel_low, net.pixel_step))


def input_tensor(net: CompactNet, low: float, step: float) -> QTensor:
    """How the image's int8 code - 128 stands for (pixel - mean) / std."""
    scale = float(np.float32(step / net.std))
    exact = (net.mean - low) / step - 128.0
    zero_point = int(np.clip(np.rint(exact), -128, 127))
    return QTensor(scale, zero_point, offset=scale * (zero_point - exact))
