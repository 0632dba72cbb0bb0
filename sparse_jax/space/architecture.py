"""The exact network of a point, described once.

`resolve` turns a point into a `Graph`. The same `Graph` type, with its sizes rounded
up, is the static half of a padded training program (`model.skeleton`). The network,
the memory model, shrinking and export all read this description.
"""

import dataclasses
import functools
import math

from sparse_jax.ops import CLASSIFIER as CLASSIFIER
from sparse_jax.ops import Node as Node
from sparse_jax.space.graph import Graph as Graph
from sparse_jax.space.graph import output_shape as output_shape
from sparse_jax.space.graph import pooled as pooled
from sparse_jax.space.layer_types import LAYER_TYPES, Layer, LayerType
from sparse_jax.space.sparse_space import MAX_LAYERS

POOL = 2
"""Size and stride of the pool after a block, VALID."""
WHOLE = 128
"""Size of the window of a global pool, of larger images their longer side."""
MOST_AVERAGED = 16
"""Largest rate of an input that is down-sampled by means: the sum of the bytes of a
window fits 16 bits."""


def resolve(
    point: dict, input_shape: tuple[int, int, int], num_classes: int,
    *, fold_binary: bool = True,
) -> Graph:
    """Point (by table name) -> its exact graph; check `feasible()` before use.

    Convolutions are VALID, with stride 1 but where `stride-block-k` gives the first
    layer of a block another; blocks end in a 2x2/2 VALID pool where `pool-block-k` says
    so; see `fc_units` for the branches.
    """
    before = trunk(point, input_shape, fold_binary=fold_binary)
    return headed(point, before, num_classes)


def trunk(
    point: dict, input_shape: tuple[int, int, int], *, fold_binary: bool = True
) -> Graph:
    """The convolutional part of the graph of a point, without branches."""
    rate = point['input-downsampling-rate'] if point['downsample-input'] else 1
    squeeze = bool(point['downsample-input-in-depth'])
    nodes, channels = (), 1 if squeeze else input_shape[2]
    source, norm = 'input', bool(point['batch-norm'])
    for k in range(1, point['num-conv-blocks'] + 1):
        nodes += _block_nodes(
            point, k, source, channels, norm, max(input_shape[:2]))
        source, channels = nodes[-1].name, nodes[-1].channels
    height, width, depth = input_shape
    return Graph((height, width, depth), rate, squeeze, nodes, fold_binary,
                 downsample_type(point))


def headed(point: dict, before: Graph, num_classes: int) -> Graph:
    """The graph of a point whose `trunk` is known."""
    return before.followed_by(_head_nodes(point, before, num_classes))


def _block_nodes(
    point: dict, k: int, source: str, channels: int, norm: bool, longest: int
) -> tuple[Node, ...]:
    nodes: list[Node] = []
    entering = (source, channels)
    num_layers, pool = point[f'num-conv-layers-block-{k}'], pool_type(point, k)
    assert num_layers <= MAX_LAYERS
    adds = residual(point, k)
    for l in range(1, num_layers + 1):
        tag = f'block-{k}-layer-{l}'
        ends = l == num_layers and pool == 'max' and not adds
        nodes += _layer_nodes(
            LAYER_TYPES[point[f'layer-type-{tag}']],
            # Of one type: what is remembered is for whoever asks next.
            Layer(tag, source, channels, int(point[f'kernel-size-{tag}']),
                  int(point[f'num-filters-{tag}']),
                  float(point.get(f'downsample-{tag}', 0.0)),
                  int(stride(point, k)) if l == 1 else 1),
            norm, POOL if ends else 1)
        source, channels = nodes[-1].name, nodes[-1].channels
    if adds:
        nodes.append(_node(f'block-{k}-add', 'add', (source, entering[0]),
                           max(channels, entering[1]), relu=False,
                           pool=POOL if pool == 'max' else 1))
    if pool and pool != 'max':
        nodes.append(average_pool(f'block-{k}-pool', nodes[-1], pool, longest))
    return tuple(nodes)


@functools.lru_cache(maxsize=65_536)
def _layer_nodes(
    kind: LayerType, layer: Layer, norm: bool, pool: int
) -> tuple[Node, ...]:
    """Remembered: searches ask often, and equal nodes are one object."""
    *first, last = kind.nodes(layer)
    return (*first, dataclasses.replace(last, relu=True, batch_norm=norm, pool=pool))


_node = functools.lru_cache(maxsize=65_536)(Node)
"""The same of other nodes."""


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


def average_pool(name: str, source: Node, kind: str, longest: int) -> Node:
    """The pool, 'average' or 'global', of a block that ends in `source`.

    longest: side of an image.
    """
    size = max(WHOLE, longest) if kind == 'global' else POOL
    return _node(name, 'average_pool', (source.name,), source.channels, size, size,
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
    nodes = [_node(f'{b}-fc', 'dense', (sources[b],), n, batch_norm=norm)
             for b, n in units.items()]
    merged = [n.name for n in nodes]
    if 'main' not in units:
        merged.insert(0, sources['main'])
    if len(merged) > 1 and point['merge-type'] == 'Sum':
        nodes.append(
            _node('merge', 'sum', tuple(merged), nodes[0].channels, relu=False))
        merged = ['merge']
    nodes.append(
        _node(CLASSIFIER, 'dense', tuple(merged), num_classes, relu=False))
    return tuple(nodes)
