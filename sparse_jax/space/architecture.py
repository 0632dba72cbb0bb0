"""The exact network of a point, described once.

`resolve` turns a point into a `Graph`. The same `Graph` type, with its sizes rounded
up, is the static half of a padded training program (`model.skeleton`). The network,
the memory model, shrinking and export all read this description.
"""

import dataclasses
import math

from sparse_jax.space.sparse_space import MAX_LAYERS

CLASSIFIER = 'classifier'
"""Name of the last node, whose units are the classes."""
POOL = 2
"""Size and stride of the max-pool after a block, VALID."""


@dataclasses.dataclass(frozen=True)
class Node:
    """One operation of a `Graph`; its output tensor has the node's name.

    op: 'conv' (VALID, stride 1), 'depthwise', 'dense' (reads all its inputs flattened,
    one after the other) or 'sum' (of equally long vectors).
    `kernel_low` is the smallest kernel the node may have when sizes are padded; it
    equals `kernel` in an exact graph. `channels` are output maps or units.
    `knob` names the table row (block-k-layer-l) that owns the node's threshold.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    channels: int
    kernel: int = 1
    kernel_low: int = 1
    relu: bool = True
    batch_norm: bool = False
    pool: int = 1
    knob: str = ''

    @property
    def weighted(self) -> bool:
        """Whether the node has weights."""
        return self.op != 'sum'

    @property
    def biased(self) -> bool:
        """Whether it has a bias: the linear first half of a layer needs none."""
        return self.weighted and (self.relu or self.name == CLASSIFIER)


@dataclasses.dataclass(frozen=True)
class Graph:
    """A network from the raw image (H, W, C) to `num_classes` logits; hashable."""

    input_shape: tuple[int, int, int]
    downsample: int
    squeeze_depth: bool
    nodes: tuple[Node, ...]

    @property
    def num_classes(self) -> int:
        """Units of the last node."""
        return self.nodes[-1].channels

    @property
    def weighted_nodes(self) -> tuple[Node, ...]:
        """Nodes that have weights: the layers of the memory model."""
        return tuple(n for n in self.nodes if n.weighted)

    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) after the input down-sampling."""
        h, w, c = self.input_shape
        return (1 if self.squeeze_depth else c, h // self.downsample,
                w // self.downsample)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Tensor shapes by name: (C, H, W) after pooling, or (units,)."""
        shapes = {'input': self.image_shape()}
        for node in self.nodes:
            shapes[node.name] = _pooled(node, output_shape(node, shapes))
        return shapes

    def feasible(self) -> bool:
        """Whether every feature map has at least one pixel."""
        return all(min(shape) >= 1 for shape in self.shapes().values())


def output_shape(node: Node, shapes: dict) -> tuple[int, ...]:
    """Shape of a node's output before its pool: the y of the memory model."""
    if node.op in ('dense', 'sum'):
        return (node.channels,)
    _, h, w = shapes[node.inputs[0]]
    return (node.channels, h - node.kernel_low + 1, w - node.kernel_low + 1)


def _pooled(node, shape):
    if node.pool == 1:
        return shape
    return (shape[0], shape[1] // node.pool, shape[2] // node.pool)


def resolve(point: dict, input_shape: tuple[int, int, int], num_classes: int) -> Graph:
    """Point (by table name) -> its exact graph; check `feasible()` before use.

    Convolutions are VALID with stride 1; blocks end in a 2x2/2 VALID max-pool where
    `pool-block-k` says so; see `fc_units` for the branches.
    """
    rate = point['input-downsampling-rate'] if point['downsample-input'] else 1
    squeeze = bool(point['downsample-input-in-depth'])
    nodes, channels = (), 1 if squeeze else input_shape[2]
    source, norm = 'input', bool(point['batch-norm'])
    for k in range(1, point['num-conv-blocks'] + 1):
        nodes += tuple(_block_nodes(point, k, source, channels, norm))
        source, channels = nodes[-1].name, nodes[-1].channels
    trunk = Graph(tuple(input_shape), rate, squeeze, nodes)
    return dataclasses.replace(
        trunk, nodes=nodes + _head_nodes(point, trunk, num_classes))


def _block_nodes(point, k, source, channels, norm):
    nodes = []
    num_layers = point[f'num-conv-layers-block-{k}']
    assert num_layers <= MAX_LAYERS
    for l in range(1, num_layers + 1):
        tag = f'block-{k}-layer-{l}'
        pooled = POOL if l == num_layers and point[f'pool-block-{k}'] else 1
        layer = _layer_nodes(point, tag, source, channels)
        layer[-1] = dataclasses.replace(
            layer[-1], relu=True, batch_norm=norm, pool=pooled)
        nodes += layer
        source, channels = layer[-1].name, layer[-1].channels
    return nodes


def _layer_nodes(point, tag, source, channels):
    """Linear nodes of one conv layer; the caller adds norm, ReLU and pool."""
    kind = point[f'layer-type-{tag}']
    k, filters = point[f'kernel-size-{tag}'], point[f'num-filters-{tag}']
    linear = dict(relu=False, knob=tag)
    sized = dict(kernel=k, kernel_low=k)
    if kind == 'DownsampledConv2D':
        maps = reduced_channels(point[f'downsample-{tag}'], channels)
        return [Node(f'{tag}-reduce', 'conv', (source,), maps, **linear),
                Node(tag, 'conv', (f'{tag}-reduce',), filters, **sized, **linear)]
    if kind == 'SeparableConv2D':
        depth = f'{tag}-depthwise'
        return [Node(depth, 'depthwise', (source,), channels, **sized, **linear),
                Node(tag, 'conv', (depth,), filters, **linear)]
    return [Node(tag, 'conv', (source,), filters, **sized, **linear)]


def reduced_channels(fraction: float, channels: int) -> int:
    """Maps of a DownsampledConv2D's 1x1 convolution: a fraction of its input maps."""
    return max(1, int(math.floor(fraction * channels + 0.5)))


def branches(point: dict) -> tuple[str, ...]:
    """Which of 'main', 'left', 'right' have a fully connected layer of their own."""
    merged = point['left-branch'] or point['right-branch']
    main = point['num-fc-layers'] == 1 or (merged and point['merge-type'] == 'Sum')
    present = (main, point['left-branch'], point['right-branch'])
    return tuple(b for b, on in zip(('main', 'left', 'right'), present) if on)


def fc_units(point: dict, fan_in: dict[str, int]) -> dict[str, int]:
    """Units of every FC branch from the weight budget (paper table, FC rows).

    units = max(1, floor(fraction * total / fan_in)) with the fractions normalised over
    the branches that exist; a Sum merge gives all of them the smallest.
    """
    names = branches(point)
    if not names:
        return {}
    fractions = [point[f'weight-fraction-{b}-branch'] for b in names]
    if len(names) == 1 or sum(fractions) <= 0:
        fractions = [1.0] * len(names)
    total = point['total-fc-layer-weights'] / sum(fractions)
    # The slack keeps exact quotients exact in floating point.
    units = {b: max(1, int(math.floor(f * total / max(fan_in[b], 1) + 1e-9)))
             for b, f in zip(names, fractions)}
    if len(names) > 1 and point['merge-type'] == 'Sum':
        units = dict.fromkeys(units, min(units.values()))
    return units


def branch_sources(ends: list[str]) -> dict[str, str]:
    """Tensor each branch reads: last block, first block, down-sampled image."""
    return {'main': ends[-1], 'left': ends[0], 'right': 'input'}


def fan_ins(graph: Graph, ends: list[str]) -> dict[str, int]:
    """Flattened length of what each branch reads."""
    shapes = graph.shapes()
    return {b: math.prod(shapes[s]) for b, s in branch_sources(ends).items()}


def block_ends(point: dict) -> list[str]:
    """Names of the tensors that leave the conv blocks."""
    return [f'block-{k}-layer-{point[f"num-conv-layers-block-{k}"]}'
            for k in range(1, point['num-conv-blocks'] + 1)]


def _head_nodes(point, trunk, num_classes):
    ends, norm = block_ends(point), bool(point['batch-norm'])
    sources = branch_sources(ends)
    units = fc_units(point, fan_ins(trunk, ends))
    nodes = [Node(f'{b}-fc', 'dense', (sources[b],), n, batch_norm=norm)
             for b, n in units.items()]
    merged = [n.name for n in nodes]
    if 'main' not in units:
        merged.insert(0, sources['main'])
    if len(merged) > 1 and point['merge-type'] == 'Sum':
        nodes.append(Node('merge', 'sum', tuple(merged), nodes[0].channels, relu=False))
        merged = ['merge']
    nodes.append(
        Node(CLASSIFIER, 'dense', tuple(merged), num_classes, relu=False))
    return tuple(nodes)
