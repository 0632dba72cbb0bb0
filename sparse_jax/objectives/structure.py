"""A network before training as a few numbers that tell how well it will learn.

A row of the search space says what every layer is; whether two networks are alike in
what matters (how much they multiply, what the classifier reads, how far a window of the
image reaches it) follows from all rows together, and few trainings do not show how.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np

from sparse_jax import ops
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.ops import Node
from sparse_jax.ops.operation import Shapes
from sparse_jax.space.architecture import WHOLE, Graph

TRENDS = ('none', 'structure')
"""Of what the surrogate takes its trend."""
NAMES = (
    'macs', 'model_size', 'working_memory', 'layers', 'pools', 'strides', 'depthwise',
    'squeezed', 'kernel', 'first_kernel', 'fewest_maps', 'first_maps', 'last_maps',
    'ends_global', 'ends_average', 'ends_max', 'inputs', 'last_side', 'field',
    'head', 'grey', 'downsample', 'branches')
"""Of `features`, in their order."""


def features(graph: Graph) -> dict[str, float]:
    """What is told of an exact feasible graph with at least one convolution.

    Costs, sizes and sides are logarithms to base 2; `depthwise` and `squeezed` (layers
    that first squeeze their maps) are shares of all convolutions, `head` is the share
    of all weights that are not in one. The last maps are read as means of all pixels
    (`ends_global`) or of windows, as maxima of windows, or, if it is none of the three,
    as they are. `field` is the side of the image that one of their values sees, as a
    share of the whole image's.
    """
    costs, shapes = graph_totals(graph), graph.shapes()
    maps = [node for node in graph.nodes if len(shapes[node.name]) == 3]
    layers = [node for node in maps if node.weighted]
    widths = [node.channels for node in layers if node.relu]
    averages, last = maps[-1].op == 'average_pool', shapes[maps[-1].name]
    weights = sum(math.prod(ops.weights(n).shape(n, shapes)) for n in layers)
    found = {
        'macs': math.log2(max(costs.macs, 1)),
        'model_size': math.log2(costs.model_size),
        'working_memory': math.log2(costs.working_memory),
        'layers': len(widths),
        'pools': sum(n.pool > 1 or n.op == 'average_pool' for n in maps),
        'strides': sum(n.stride > 1 for n in layers),
        'depthwise': sum(n.op == 'depthwise' for n in layers) / len(layers),
        'squeezed': sum(map(_squeezes, layers)) / len(layers),
        'kernel': math.log2(sum(n.kernel for n in layers) / len(layers)),
        'first_kernel': math.log2(max(n.kernel for n in layers[:2])),
        'fewest_maps': math.log2(min(widths)),
        'first_maps': math.log2(widths[0]),
        'last_maps': math.log2(widths[-1]),
        'ends_global': averages and maps[-1].kernel >= WHOLE,
        'ends_average': averages and maps[-1].kernel < WHOLE,
        'ends_max': maps[-1].pool > 1,
        'inputs': math.log2(math.prod(last)),
        'last_side': math.log2(last[1]),
        'field': math.log2(_field(maps, shapes) / graph.image_shape()[1]),
        'head': 1.0 - weights / costs.model_size,
        'grey': graph.squeeze_depth,
        'downsample': math.log2(graph.downsample),
        'branches': sum(n.op == 'dense' for n in graph.nodes) - 1,
    }
    return {name: float(value) for name, value in found.items()}


@functools.lru_cache(maxsize=65_536)
def _vector(graph: Graph) -> np.ndarray:
    return np.array(list(features(graph).values()))


def vectors(graphs: Sequence[Graph]) -> np.ndarray:
    """[N, F] features of N graphs; remembered, for searches ask often."""
    return np.array([_vector(graph) for graph in graphs]).reshape(-1, len(NAMES))


def _squeezes(node: Node) -> bool:
    """Whether it is the linear first half of a layer, one that squeezes maps."""
    return node.op == 'conv' and not node.relu


def _field(maps: Sequence[Node], shapes: Shapes) -> int:
    """Pixels of the image along one side that one value of the last map reads."""
    field, apart = 1, 1
    for node in maps:
        if node.op == 'average_pool':
            size = min(node.kernel, shapes[node.inputs[0]][1])
            field, apart = field + (size - 1) * apart, apart * size
        elif node.weighted:
            field, apart = field + (node.kernel - 1) * apart, apart * node.stride
        if node.pool > 1:
            field, apart = field + (node.pool - 1) * apart, apart * node.pool
    return field
