"""What operations on the windows of feature maps have in common."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

from sparse_jax import counter_noise
from sparse_jax.ops.arrays import library_of
from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import Node
from sparse_jax.ops.operation import Shape, Shapes, Tiers
from sparse_jax.ops.size import Size, divided

Maps = TypeVar('Maps', np.ndarray, jax.Array)

MAX_INPUT_MAPS = 128
MAX_KERNEL = 5
"""Strides of the numbers of weights: no padding of the table's networks exceeds
these."""
_MOST = 64
"""Times `MAX_KERNEL` a window's side, as far as numbers of weights are told apart."""


def one_map(node: Node, shapes: Sequence[Shape]) -> str:
    """`Form.refusal` of whatever reads one feature map."""
    del node
    return '' if [len(shape) for shape in shapes] == [3] else 'one feature map'


def places(side: Any, kernel: Any, stride: int) -> Any:
    """VALID windows, `stride` pixels apart, along a side; none of a shorter one."""
    if stride == 1:
        return side - kernel + 1
    return divided(side - kernel + stride, stride)


def strided(y: Maps, stride: int, first: int = 1) -> Maps:
    """What is left of the results of all windows at strides above 1.

    Args:
      y: results of the windows one pixel apart, height and width at `first` and after.
    """
    if stride == 1:
        return y
    return y[(slice(None),) * first + (slice(None, None, stride),) * 2]


def valid_shape(node: Node, shapes: Shapes) -> Shape:
    """`Form.output`: VALID windows, `stride` pixels apart."""
    _, height, width = shapes[node.inputs[0]]
    return (node.channels, places(height, node.kernel_low, node.stride),
            places(width, node.kernel_low, node.stride))


def valid_size(
    node: Node, channels: jax.Array, kernel: jax.Array, sizes: Mapping[str, Size]
) -> Size:
    """`Form.size`: VALID windows, `stride` pixels apart."""
    source = sizes[node.inputs[0]]
    window = node.kernel if node.kernel == node.kernel_low else kernel
    return Size(channels, places(source.height, window, node.stride),
                places(source.width, window, node.stride))


def fixed(node: Node, known: Mapping[str, bool]) -> bool:
    """`Form.fixed`: the input's size is, and the kernel."""
    return known[node.inputs[0]] and node.kernel == node.kernel_low


def padded_to(node: Node, channels: int, tiers: Tiers) -> Node:
    """The node with its kernel range and a padded number of maps."""
    low, high = tiers.kernel(node.kernel)
    return dataclasses.replace(node, channels=channels, kernel=high, kernel_low=low)


def taps(node: Node, kernel: jax.Array) -> jax.Array:
    """[k, k] bool: true positions of a window held in the top-left corner."""
    line = library_of(kernel).arange(node.kernel) < kernel
    return line[:, None] & line


def elements_read(node: Node, shapes: Shapes) -> int:
    """`Weights.elements_read`: the input, or one shifted copy of it per tap."""
    maps, height, width = shapes[node.inputs[0]]
    if node.kernel == 1:
        return maps * height * width
    # A view has all windows, those that a stride leaves out too.
    height, width = (side - node.kernel_low + 1 for side in (height, width))
    return maps * node.kernel**2 * height * width


def index(
    shape: Shape, sources: Sequence[Shape], image_size: tuple[int, int],
    host: bool = False,
) -> jax.Array | np.ndarray:
    """`Weights.index` of a kernel [O, C, k, k], or [O, k, k]."""
    del sources, image_size
    maps = (MAX_INPUT_MAPS * MAX_KERNEL**2,) * (len(shape) == 4)
    strides = (*maps, MAX_KERNEL**2, MAX_KERNEL, 1)
    if shape[-1] <= MAX_KERNEL and (not maps or shape[1] <= MAX_INPUT_MAPS):
        return counter_noise.indices(shape, strides, host)
    return _of_large(shape, strides, host)


def _of_large(
    shape: Shape, strides: Shape, host: bool
) -> jax.Array | np.ndarray:
    """`index` of a kernel of a network file, which may exceed the strides: what lies
    beyond them is told apart by a hash that is 0 within them."""
    lines: Any = np.ogrid[tuple(map(slice, shape))] if host else [
        jax.lax.broadcasted_iota(np.uint32, shape, axis) for axis in range(len(shape))]
    limits = (MAX_INPUT_MAPS, MAX_KERNEL, MAX_KERNEL)[4 - len(shape):]
    within: Any = lines[0].astype(np.uint32) * np.uint32(strides[0])
    beyond: Any = np.uint32(0)
    for line, stride, limit in zip(lines[1:], strides[1:], limits):
        line, size = line.astype(np.uint32), np.uint32(limit)
        within = within + line % size * np.uint32(stride)
        beyond = beyond * np.uint32(_MOST) + line // size
    return within + counter_noise.scramble(beyond)


def read(inputs: Sequence[jax.Array]) -> jax.Array:
    """`Weights.read`: the only input."""
    return inputs[0]


def living(
    units: Sequence[jax.Array], sizes: Sequence[Size], shapes: Sequence[Shape]
) -> jax.Array:
    """`Weights.living`: maps of the only input."""
    del sizes, shapes
    return units[0]


def compact_shape(node: CompactNode, shapes: Shapes) -> Shape:
    """`Pruned.output` of a compact kernel whose last axis is the window's."""
    assert node.weight is not None
    window = node.weight.shape[-1]
    _, height, width = shapes[node.inputs[0]]
    return (len(node.weight), places(height, window, node.stride),
            places(width, window, node.stride))


def sliding(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """[N, C, H, W] -> [N, C, H', W', k, k] VALID windows."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (2, 3))
    return strided(windows, stride, 2)
