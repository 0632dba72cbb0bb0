"""Layer types of the table: the linear nodes that each consists of."""

import math
from collections.abc import Callable
from typing import NamedTuple

from sparse_jax.ops import Node


class Layer(NamedTuple):
    """What the table says of one layer."""

    tag: str
    """block-k-layer-l: the name of its last node, and of the row of its threshold."""
    source: str
    """Name of the tensor that it reads."""
    channels: int
    """Maps that it reads."""
    kernel: int
    filters: int
    """Maps that it writes."""
    fraction: float
    """Value of its downsample row; for types that reduce."""
    stride: int = 1
    """Of the node that has the layer's kernel."""


class LayerType(NamedTuple):
    """One choice of the table's layer-type rows."""

    nodes: Callable[[Layer], tuple[Node, ...]]
    """Linear nodes (without ReLU, batch norm and pool), the last one named `tag`, the
    others `tag`-something, all with `tag` as their knob. The layer's norm, ReLU and
    pool follow the last."""
    reduces: bool = False
    """Whether its `fraction` matters: as `reduced_channels` of the maps it reads."""


def reduced_channels(fraction: float, channels: int) -> int:
    """Maps of a DownsampledConv2D's 1x1 convolution: a fraction of its input maps."""
    return max(1, int(math.floor(fraction * channels + 0.5)))


def linear(
    layer: Layer, op: str, source: str, channels: int, *, part: str = '',
    kernel: int = 1, stride: int = 1,
) -> Node:
    """A linear node of a layer; `part` names it unless it is the last."""
    name = f'{layer.tag}-{part}' if part else layer.tag
    return Node(name, op, (source,), channels, kernel, kernel, stride, relu=False,
                knob=layer.tag)


def _convolution(layer: Layer) -> tuple[Node, ...]:
    return (linear(layer, 'conv', layer.source, layer.filters, kernel=layer.kernel,
                   stride=layer.stride),)


def _downsampled(layer: Layer) -> tuple[Node, ...]:
    maps = reduced_channels(layer.fraction, layer.channels)
    reduce = linear(layer, 'conv', layer.source, maps, part='reduce')
    return (reduce, linear(
        layer, 'conv', reduce.name, layer.filters, kernel=layer.kernel,
        stride=layer.stride))


def _separable(layer: Layer) -> tuple[Node, ...]:
    depth = linear(layer, 'depthwise', layer.source, layer.channels,
                   part='depthwise', kernel=layer.kernel, stride=layer.stride)
    return (depth, linear(layer, 'conv', depth.name, layer.filters))


LAYER_TYPES: dict[str, LayerType] = {
    'Conv2D': LayerType(_convolution),
    'DownsampledConv2D': LayerType(_downsampled, reduces=True),
    'SeparableConv2D': LayerType(_separable),
}
"""By the name that the table uses; an entry more is a choice more of every space that
is made from then on."""
