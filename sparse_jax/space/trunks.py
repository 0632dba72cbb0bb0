"""What the layers and pools of many networks leave, without building their graphs."""

import functools
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.space import levels, sides
from sparse_jax.space.sparse_space import MAX_BLOCKS, MAX_LAYERS, Space


class Measured(NamedTuple):
    """Of N networks."""

    feasible: np.ndarray
    """[N] bool: every feature map has at least one pixel."""
    fan_in: list[dict[str, int]]
    """Elements that the branches 'main', 'left' and 'right' read."""


class _Columns:
    """Values of dimensions by name, for all rows."""

    def __init__(self, space: Space, rows: np.ndarray):
        self.space, self._numbers = space, levels.numbers(space, rows)

    def level(self, name: str) -> np.ndarray:
        """[N] level numbers."""
        return self._numbers[:, self.space.index(name)]

    def value(self, name: str) -> np.ndarray:
        """[N] integer values of a numeric or boolean dimension; 0 without one."""
        if name not in self.space:
            return np.zeros(len(self._numbers), int)
        return _integers(self.space, name)[self.level(name)]


def feasible(space: Space, rows: np.ndarray) -> np.ndarray:
    """[N, D] -> [N] bool: every feature map has at least one pixel.

    The same answer as `graph(...).feasible()`, for many rows at once.
    """
    return measured(space, rows).feasible


def measured(space: Space, rows: np.ndarray) -> Measured:
    """Rows [N, D] -> what their convolutional parts leave; the fan-ins are those of
    `architecture.fan_ins` where a network is feasible."""
    columns = _Columns(space, np.atleast_2d(rows))
    value, level = columns.value, columns.level
    rate = np.where(value('downsample-input') > 0,
                    value('input-downsampling-rate'), 1)
    size = np.stack([n // rate for n in space.input_shape[:2]])
    maps = np.where(value('downsample-input-in-depth') > 0, 1, space.input_shape[2])
    fine, ends = (size >= 1).all(axis=0), [maps * size.prod(axis=0)]
    for k in range(1, MAX_BLOCKS + 1):
        exists, entering = value('num-conv-blocks') >= k, maps
        layers = value(f'num-conv-layers-block-{k}')
        for l in range(1, MAX_LAYERS + 1):
            tag, on = f'block-{k}-layer-{l}', exists & (layers >= l)
            # Only the first layer of a block has a stride.
            name = f'stride-block-{k}' if l == 1 else ''
            after = _layer_sides(space, tag, name)[
                level(name) if name in space else 0, level(f'layer-type-{tag}'),
                level(f'kernel-size-{tag}'), size]
            size = np.where(on, after, size)
            maps = np.where(on, value(f'num-filters-{tag}'), maps)
            fine &= (size >= 1).all(axis=0)
        residual = exists & (value(f'residual-block-{k}') > 0)
        maps = np.where(residual, np.maximum(maps, entering), maps)
        pooled = exists & (value(f'pool-block-{k}') > 0)
        name = f'pool-type-block-{k}'
        after = _pool_sides(space, k)[level(name) if name in space else 0, size]
        size = np.where(pooled, after, size)
        fine &= (size >= 1).all(axis=0)
        ends.append(maps * size.prod(axis=0))
    names = ('right', 'left', 'main')  # the image, the first block, the last one
    read = np.stack([ends[0], ends[1], ends[-1]], axis=1).tolist()
    return Measured(np.asarray(fine), [dict(zip(names, row)) for row in read])


@functools.lru_cache(maxsize=1024)
def _layer_sides(space: Space, tag: str, stride: str) -> np.ndarray:
    """[strides, layer types, kernels, sides] by the levels of a layer's rows; `stride`
    is the name of that of its strides, if it has one."""
    return np.stack([sides.after_layers(
        _values(space, f'layer-type-{tag}'), _values(space, f'kernel-size-{tag}'),
        max(space.input_shape[:2]), step)
        for step in (_values(space, stride) if stride in space else (1,))])


@functools.lru_cache(maxsize=256)
def _pool_sides(space: Space, k: int) -> np.ndarray:
    """[pool types, sides] by the levels of a block's row, where the space has it."""
    name = f'pool-type-block-{k}'
    kinds = _values(space, name) if name in space else ('max',)
    return sides.after_pools(kinds, max(space.input_shape[:2]))


@functools.lru_cache(maxsize=64)
def fits(space: Space) -> bool:
    """Whether any network of the space is feasible: the first levels of all rows have
    the fewest layers, the smallest windows, and no pooling where that is allowed; of
    the types of layers and pools the one that leaves most is taken."""
    row = np.zeros((1, len(space.dimensions)))
    for k in range(1, MAX_BLOCKS + 1):
        for l in range(1, MAX_LAYERS + 1):
            column = space.index(f'layer-type-block-{k}-layer-{l}')
            stride = f'stride-block-{k}' if l == 1 else ''
            left = _layer_sides(space, f'block-{k}-layer-{l}', stride)[0, :, 0, -1]
            row[0, column] = space.dimensions[column].centre(int(left.argmax()))
        if f'pool-type-block-{k}' in space:
            column = space.index(f'pool-type-block-{k}')
            left = _pool_sides(space, k)[:, 1]
            row[0, column] = space.dimensions[column].centre(int(left.argmax()))
    return bool(feasible(space, row)[0])


@functools.lru_cache(maxsize=4096)
def _integers(space: Space, name: str) -> np.ndarray:
    """[levels] integer values of a discrete numeric or boolean dimension."""
    return np.array(_values(space, name), int)


def _values(space: Space, name: str) -> tuple[Any, ...]:
    """The values of a discrete dimension."""
    return levels.values(space)[space.index(name)]
