"""What the generated code of a relaxed network runs, in expectation.

One loop for every operation with weights, nothing pruned: what it reads and writes, how
often, and the bytes that are in use meanwhile. Where every decision is made all are
those of that network, whose tensors are of one byte an element.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable import peaks
from sparse_jax.differentiable.geometry import Geometry, Passage
from sparse_jax.differentiable.peaks import Count
from sparse_jax.differentiable.sizes import Extent, sizes_of
from sparse_jax.differentiable.template import (
    KERNELS,
    TYPES,
    Decisions,
    Template,
    maps_of,
    residual_of,
    types_of,
    units_of,
)
from sparse_jax.export.code.formats import FARTHEST
from sparse_jax.space.architecture import POOL


class Loop(NamedTuple):
    """A run of the layer loop; [] expected each, where it is there. Of several [n]."""

    there: Count
    """How likely that is."""
    channels: Count
    weights: Count
    outputs: Count
    """After a maximum pool."""
    calls: Count
    """Windows of all channels, those that the pool leaves out not counted."""
    rows: Count
    """Runs of weights that meet inputs side by side, in all these windows."""
    products: Count
    live: Count
    """Bytes that it reads and writes."""
    pairs: Count = 0.0
    """Of one channel in the loop over pairs: weights, and what bridges long distances;
    0 where no window slides."""
    bridges: Count = 0.0
    """Of these the latter."""
    doubles: Count = 0.0
    """How likely a maximum pool reads windows two at once."""
    kept: Count = 0.0
    """Bytes more where something else reads what it reads: it overwrites that."""


class _Windows(NamedTuple):
    """Windows of some sides on a map, their shares included; [sides] each."""

    sides: np.ndarray
    outputs: jax.Array
    """Of one channel, after a maximum pool."""
    calls: jax.Array
    """Windows that are read."""
    met: jax.Array
    """The same times the maps that are read."""
    inside: jax.Array
    """Pairs that bridge the rows of a map, of one map."""
    between: jax.Array
    """Those that bridge two maps."""

    def taps(self, power: int) -> jax.Array:
        """[] sum over sides, to this power, of the maps that windows meet."""
        return (self.sides**power * self.met).sum()


def loops(sizes: Geometry, choice: Decisions, template: Template) -> list[Loop]:
    """All loops of a relaxed network, in the order of the table.

    Args:
      sizes: of its feature maps, see `geometry`.
      choice: shares of every decision.
      template: the family.
    """
    held, found = peaks.outside(sizes, choice, template), []
    for i, passage in enumerate(sizes.passages):
        for kind, share in types_of(choice, i, template):
            parts = _LAYERS[kind](passage.of(kind), choice, i, template)
            found += [part._replace(there=choice.exists[i, 1] * share)
                      for part in parts]
    units = units_of(choice, template)
    for layer in peaks.head(sizes.last.elements, units, held, template):
        products = layer.fan_in * layer.units
        found.append(Loop(1.0, layer.units, products, layer.units, layer.units,
                          layer.units, products, layer.read + layer.units))
    return found


def block_of(i: int, template: Template) -> int:
    """Index of the block of layer i."""
    return sum(i >= end for end in template.ends)


def no_stride(choice: Decisions) -> jax.Array:
    """[] how likely all layers read every window."""
    return jnp.prod(jnp.asarray(choice.stride)[:, 0])


def _pooled(choice: Decisions, i: int, template: Template) -> jax.Array:
    """[] how likely a maximum pool follows layer i where that is there: it is the last
    one of its block, and nothing is added behind it."""
    block = block_of(i, template)
    last = functools.reduce(jnp.multiply, (
        choice.exists[j, 0] for j in range(i + 1, template.ends[block])),
        jnp.float32(1))
    last *= 1.0 - residual_of(choice, block, template)
    return last * choice.pool[block, template.pools.index('max')]


def _windows(
    read: Extent, tables: jax.Array, shares: jax.Array | np.ndarray,
    sides: tuple[int, ...], pooled: Count, template: Template,
) -> _Windows:
    """Windows on a map.

    Args:
      read: the map.
      tables: [sides, 2, S] after the windows, as `Passage.tables`.
      shares: [sides] how likely each is.
      sides: of the windows.
      pooled: how likely a maximum pool follows.
      template: the family.
    """
    sizes = sizes_of(template)
    small = sizes.pool[template.pools.index('max')] @ sizes.area
    seen = sizes.area + pooled * (POOL**2 * small - sizes.area)
    rows, columns = np.array(sizes.pairs).T
    side = np.array(sides)[:, None]
    pairs = lambda distance: np.maximum(distance - 1, 0) // FARTHEST * np.float32(1)
    share = read.table[0]
    return _Windows(
        np.array(sides, np.float32),
        shares * (tables[:, 0] @ (sizes.area + pooled * (small - sizes.area))),
        shares * (tables[:, 0] @ seen), shares * (tables[:, 1] @ seen),
        shares * (((side - 1) * pairs(columns - side + 1)) @ share),
        shares * (pairs(rows * columns - (side - 1) * (columns + 1)) @ share))


def _convolution(
    passage: Passage, choice: Decisions, i: int, template: Template
) -> list[Loop]:
    read = passage.source if passage.reduction is None else passage.reduction.target
    pooled, wide = _pooled(choice, i, template), maps_of(choice, i, template)
    windows = _windows(
        read, passage.tables, choice.kernel[i], KERNELS, pooled, template)
    weights = (choice.kernel[i] * np.square(KERNELS)).sum() * read.number * wide
    return [_slid(windows, read, weights, wide, pooled * no_stride(choice))]


def _downsampled(
    passage: Passage, choice: Decisions, i: int, template: Template
) -> list[Loop]:
    reduction = passage.reduction
    assert reduction is not None
    source = passage.source
    windows = _windows(source, source.table[None, :2], np.ones(1, np.float32), (1,),
                       0.0, template)
    bridges = (source.number - 1) * windows.between.sum()
    written = reduction.target.elements
    first = Loop(1.0, reduction.target.number, reduction.weights, written, written,
                 reduction.macs, reduction.macs, source.elements + written,
                 source.number + bridges, bridges)
    return [first, *_convolution(passage, choice, i, template)]


def _separable(
    passage: Passage, choice: Decisions, i: int, template: Template
) -> list[Loop]:
    source, kernel = passage.source, choice.kernel[i]
    pooled, wide = _pooled(choice, i, template), maps_of(choice, i, template)
    windows = _windows(source, passage.tables, kernel, KERNELS, 0.0, template)
    taps, written = (kernel * np.square(KERNELS)).sum(), windows.taps(0)
    bridges = windows.inside.sum()
    depth = Loop(1.0, source.number, taps * source.number, written, written,
                 windows.taps(1), windows.taps(2), source.elements,
                 taps + bridges, bridges, kept=written)
    middle = Extent(jnp.tensordot(kernel, passage.tables, 1), written)
    point = _windows(middle, middle.table[None], np.ones(1, np.float32), (1,),
                     pooled, template)
    return [depth, _slid(point, middle, source.number * wide, wide,
                         pooled * no_stride(choice))]


_LAYERS: dict[str, Callable[[Passage, Decisions, int, Template], list[Loop]]] = dict(
    zip(TYPES.values(), (_convolution, _separable, _downsampled), strict=True))


def _slid(
    windows: _Windows, read: Extent, weights: jax.Array, wide: jax.Array,
    doubles: jax.Array,
) -> Loop:
    """A convolution with so many weights and maps over all maps that it reads."""
    inside, between = windows.inside.sum(), windows.between.sum()
    bridges = read.number * (inside + between) - between
    outputs = wide * windows.outputs.sum()
    return Loop(
        1.0, wide, weights, outputs, wide * windows.calls.sum(),
        wide * windows.taps(1), wide * windows.taps(2), read.elements + outputs,
        weights / wide + bridges, bridges, doubles)
