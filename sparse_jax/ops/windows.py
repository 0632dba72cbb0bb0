"""What operations on the windows of feature maps have in common."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise
from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import Node
from sparse_jax.ops.operation import Shape, Shapes, Tiers
from sparse_jax.ops.size import Size

MAX_INPUT_MAPS = 128
MAX_KERNEL = 5
"""Strides of the numbers of weights: no padding may exceed these."""


def one_map(node: Node, shapes: Sequence[Shape]) -> str:
    """`Form.refusal` of whatever reads one feature map."""
    del node
    return '' if [len(shape) for shape in shapes] == [3] else 'one feature map'


def valid_shape(node: Node, shapes: Shapes) -> Shape:
    """`Form.output`: VALID windows with stride 1."""
    _, height, width = shapes[node.inputs[0]]
    return (node.channels, height - node.kernel_low + 1, width - node.kernel_low + 1)


def valid_size(
    node: Node, channels: jax.Array, kernel: jax.Array, sizes: Mapping[str, Size]
) -> Size:
    """`Form.size`: VALID windows with stride 1."""
    source = sizes[node.inputs[0]]
    exact = node.kernel == node.kernel_low
    lost = (node.kernel if exact else kernel) - 1
    return Size(channels, source.height - lost, source.width - lost)


def fixed(node: Node, known: Mapping[str, bool]) -> bool:
    """`Form.fixed`: the input's size is, and the kernel."""
    return known[node.inputs[0]] and node.kernel == node.kernel_low


def padded_to(node: Node, channels: int, tiers: Tiers) -> Node:
    """The node with its kernel range and a padded number of maps."""
    low, high = tiers.kernel(node.kernel)
    return dataclasses.replace(node, channels=channels, kernel=high, kernel_low=low)


def taps(node: Node, kernel: jax.Array) -> jax.Array:
    """[k, k] bool: true positions of a window held in the top-left corner."""
    line = jnp.arange(node.kernel) < kernel
    return line[:, None] & line


def elements_read(node: Node, shapes: Shapes) -> int:
    """`Weights.elements_read`: the input, or one shifted copy of it per tap."""
    maps, height, width = shapes[node.inputs[0]]
    if node.kernel == 1:
        return maps * height * width
    _, height, width = valid_shape(node, shapes)
    return maps * node.kernel**2 * height * width


def index(
    shape: Shape, sources: Sequence[Shape], image_size: tuple[int, int]
) -> jax.Array:
    """`Weights.index` of a kernel [O, C, k, k], or [O, k, k]."""
    del sources, image_size
    maps = (MAX_INPUT_MAPS * MAX_KERNEL**2,) * (len(shape) == 4)
    return counter_noise.indices(shape, maps + (MAX_KERNEL**2, MAX_KERNEL, 1))


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
    lost = node.weight.shape[-1] - 1
    _, height, width = shapes[node.inputs[0]]
    return (len(node.weight), height - lost, width - lost)


def sliding(x: np.ndarray, kernel: int) -> np.ndarray:
    """[N, C, H, W] -> [N, C, H', W', k, k] VALID windows, stride 1."""
    return np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (2, 3))
