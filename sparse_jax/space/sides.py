"""What layers and pools leave of the side of a feature map, as tables.

Their operations say so, for any layer type; the tables answer for many rows at once.
"""

import functools
from collections.abc import Sequence

import numpy as np

from sparse_jax.ops import Node
from sparse_jax.ops.operation import Shape
from sparse_jax.space import architecture
from sparse_jax.space.layer_types import LAYER_TYPES, Layer, LayerType


def after_layers(
    kinds: Sequence[str], kernels: Sequence[int], largest: int, stride: int
) -> np.ndarray:
    """[layer types, kernels, 0 to largest] side after a layer; 0 where nothing is left
    of the side, or on the way."""
    return _layer_table(tuple(LAYER_TYPES[kind] for kind in kinds), tuple(kernels),
                        largest, stride)


@functools.lru_cache(maxsize=64)
def after_pools(kinds: tuple[str, ...], largest: int) -> np.ndarray:
    """[pool types, 0 to largest] side after the pool of a block."""
    def left(kind: str, side: int) -> int:
        shape = (2, side, side)
        if kind == 'max':
            return architecture.pooled(shape, architecture.POOL)[1]
        pool = architecture.average_pool(
            'pool', Node('source', 'conv', (), 2), kind, largest)
        return architecture.output_shape(pool, {'source': shape})[1]

    return np.array([[left(kind, side) for side in range(largest + 1)]
                     for kind in kinds])


@functools.lru_cache(maxsize=64)
def _layer_table(
    kinds: tuple[LayerType, ...], kernels: tuple[int, ...], largest: int, stride: int
) -> np.ndarray:
    return np.array([[[after_layer(kind, kernel, side, stride)
                       for side in range(largest + 1)]
                      for kernel in kernels] for kind in kinds])


def after_layer(kind: LayerType, kernel: int, side: int, stride: int) -> int:
    """Side that a layer leaves of a square map; 0 if nothing."""
    shapes: dict[str, Shape] = {'input': (2, side, side)}
    for node in kind.nodes(Layer('layer', 'input', 2, kernel, 2, 0.5, stride)):
        shapes[node.name] = architecture.output_shape(node, shapes)
        if min(shapes[node.name]) < 1:
            return 0
    return shapes['layer'][1]
