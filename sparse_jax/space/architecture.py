"""The exact network of a point, described once.

`resolve` turns a point into a `Graph`. The same `Graph` type, with its sizes rounded
up, is the static half of a padded training program (`model.skeleton`). The network,
the memory model, shrinking and export all read this description.
"""

import dataclasses
import math

from sparse_jax import ops
from sparse_jax.hashing import remembers_hash
from sparse_jax.ops import CLASSIFIER as CLASSIFIER
from sparse_jax.ops import Node as Node
from sparse_jax.ops.operation import Shape, Shapes
from sparse_jax.space.layer_types import LAYER_TYPES, Layer
from sparse_jax.space.sparse_space import MAX_LAYERS

POOL = 2
"""Size and stride of the pool after a block, VALID."""
WHOLE = 128
"""Size of the window of a global pool: no map is larger."""
MOST_AVERAGED = 16
"""Largest rate of an input that is down-sampled by means: the sum of the bytes of a
window fits 16 bits."""


@remembers_hash
@dataclasses.dataclass(frozen=True)
class Graph:
    """A network from the raw image (H, W, C) to `num_classes` logits; hashable.

    fold_binary: whether a classifier of two classes is counted and shrunk as one unit,
    see `folds`. It is trained as two all the same.
    downsample_type: whether the input is down-sampled by the maximum or by the average
    of windows of downsample x downsample pixels.
    """

    input_shape: tuple[int, int, int]
    downsample: int
    squeeze_depth: bool
    nodes: tuple[Node, ...]
    fold_binary: bool = True
    downsample_type: str = 'max'

    @property
    def num_classes(self) -> int:
        """Units of the last node."""
        return self.nodes[-1].channels

    @property
    def folds(self) -> bool:
        """Whether pruning leaves one output unit: logit 1 less logit 0 of two."""
        last = self.nodes[-1]
        return self.fold_binary and last.name == CLASSIFIER and last.channels == 2

    @property
    def counted(self) -> 'Graph':
        """The network whose layers are counted: with one output unit if it `folds`."""
        if not self.folds:
            return self
        *nodes, last = self.nodes
        return dataclasses.replace(
            self, nodes=(*nodes, dataclasses.replace(last, channels=1)))

    @property
    def weighted_nodes(self) -> tuple[Node, ...]:
        """Nodes that have weights."""
        return tuple(n for n in self.nodes if n.weighted)

    @property
    def layers(self) -> tuple[Node, ...]:
        """Nodes that are layers of the memory model."""
        return tuple(n for n in self.nodes if ops.find(n.op).costs.layer)

    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) after the input down-sampling."""
        h, w, c = self.input_shape
        return (1 if self.squeeze_depth else c, h // self.downsample,
                w // self.downsample)

    def shapes(self) -> dict[str, Shape]:
        """Tensor shapes by name: (C, H, W) after pooling, or (units,)."""
        shapes: dict[str, Shape] = {'input': self.image_shape()}
        for node in self.nodes:
            shapes[node.name] = pooled(output_shape(node, shapes), node.pool)
        return shapes

    def feasible(self) -> bool:
        """Whether every feature map has at least one pixel."""
        return all(min(shape) >= 1 for shape in self.shapes().values())


def output_shape(node: Node, shapes: Shapes) -> Shape:
    """Shape of a node's output before its pool: the y of the memory model."""
    return ops.form(node).output(node, shapes)


def pooled(shape: Shape, pool: int) -> Shape:
    """Shape after a pool x pool / pool VALID pool; vectors have none."""
    return shape if pool == 1 else (shape[0], shape[1] // pool, shape[2] // pool)


def resolve(
    point: dict, input_shape: tuple[int, int, int], num_classes: int,
    *, fold_binary: bool = True,
) -> Graph:
    """Point (by table name) -> its exact graph; check `feasible()` before use.

    Convolutions are VALID, with stride 1 but where `stride-block-k` gives the first
    layer of a block another; blocks end in a 2x2/2 VALID pool where `pool-block-k` says
    so; see `fc_units` for the branches.
    """
    rate = point['input-downsampling-rate'] if point['downsample-input'] else 1
    squeeze = bool(point['downsample-input-in-depth'])
    nodes, channels = (), 1 if squeeze else input_shape[2]
    source, norm = 'input', bool(point['batch-norm'])
    for k in range(1, point['num-conv-blocks'] + 1):
        nodes += tuple(_block_nodes(point, k, source, channels, norm))
        source, channels = nodes[-1].name, nodes[-1].channels
    height, width, depth = input_shape
    trunk = Graph((height, width, depth), rate, squeeze, nodes, fold_binary,
                  downsample_type(point))
    return dataclasses.replace(
        trunk, nodes=nodes + _head_nodes(point, trunk, num_classes))


def _block_nodes(
    point: dict, k: int, source: str, channels: int, norm: bool
) -> list[Node]:
    nodes, entering = [], (source, channels)
    num_layers = point[f'num-conv-layers-block-{k}']
    assert num_layers <= MAX_LAYERS
    for l in range(1, num_layers + 1):
        tag = f'block-{k}-layer-{l}'
        kind = LAYER_TYPES[point[f'layer-type-{tag}']]
        *first, last = kind.nodes(Layer(
            tag, source, channels, point[f'kernel-size-{tag}'],
            point[f'num-filters-{tag}'], point.get(f'downsample-{tag}', 0.0),
            stride(point, k) if l == 1 else 1))
        nodes += [*first, dataclasses.replace(last, relu=True, batch_norm=norm)]
        source, channels = last.name, last.channels
    if residual(point, k):
        nodes.append(Node(f'block-{k}-add', 'add', (source, entering[0]),
                          max(channels, entering[1]), relu=False))
    pool = pool_type(point, k)
    if pool == 'max':
        nodes[-1] = dataclasses.replace(nodes[-1], pool=POOL)
    elif pool:
        nodes.append(average_pool(f'block-{k}-pool', nodes[-1], pool))
    return nodes


def downsample_type(point: dict) -> str:
    """How the input is down-sampled; 'max' where it is not."""
    averaged = point['downsample-input'] and point.get('input-downsampling-type')
    return averaged or 'max'


def residual(point: dict, k: int) -> bool:
    """Whether what enters block k is added to what leaves it, before its pool."""
    return bool(point.get(f'residual-block-{k}', False))


def stride(point: dict, k: int) -> int:
    """Pixels from one window to the next in the first layer of block k."""
    return point.get(f'stride-block-{k}', 1)


def pool_type(point: dict, k: int) -> str:
    """Pool of block k: 'max', 'average', 'global', or '' for none."""
    return point.get(f'pool-type-block-{k}', 'max') if point[f'pool-block-{k}'] else ''


def average_pool(name: str, source: Node, kind: str) -> Node:
    """The pool, 'average' or 'global', of a block that ends in `source`."""
    size = WHOLE if kind == 'global' else POOL
    return Node(name, 'average_pool', (source.name,), source.channels, size, size,
                relu=False)


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
    return [_block_end(point, k) for k in range(1, point['num-conv-blocks'] + 1)]


def _block_end(point: dict, k: int) -> str:
    if pool_type(point, k) in ('average', 'global'):
        return f'block-{k}-pool'
    if residual(point, k):
        return f'block-{k}-add'
    return f'block-{k}-layer-{point[f"num-conv-layers-block-{k}"]}'


def _head_nodes(point: dict, trunk: Graph, num_classes: int) -> tuple[Node, ...]:
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
