"""Sizes of feature maps that follow from decisions, as distributions.

Windows are VALID and decisions independent of each other, so the height and width of
a map have a distribution over the few pairs that a template can have at all. It is
followed exactly, layer by layer: a window shifts it, a stride or a pool halves it, a
layer that may be left out mixes two. The number of maps comes along as a second row,
its expectation at every pair, as both depend on which layers are there. A 1x1
convolution that leaves at most half of its maps, and a sum that has the larger of two
numbers of them, need more: how likely every number of maps is, together with every
pair.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable import skips
from sparse_jax.differentiable.sizes import Extent, extent_of, pixels_of, sizes_of
from sparse_jax.differentiable.skips import Skip
from sparse_jax.differentiable.template import (
    Decisions,
    Template,
    half,
    maps_of,
    numbered,
    reduced_of,
    stride_of,
)
from sparse_jax.space.layer_types import LAYER_TYPES

_Real = jax.Array | np.ndarray


class Reduction(NamedTuple):
    """What the 1x1 convolution of a layer leaves."""

    target: Extent
    weights: jax.Array
    """[] of it, expected."""
    macs: jax.Array
    maps: jax.Array
    """[R] how likely each of the most maps is there."""


class Passage(NamedTuple):
    """What one layer does to the map that it reads."""

    source: Extent
    reduction: Reduction | None
    """None where the windows read the source."""
    tables: jax.Array
    """[4, 2, S] of what the windows read, as `Extent.table`, after one of each of
    `KERNELS`, with the strides as likely as they are; not yet weighted by how likely
    the window is."""
    windows: jax.Array
    """[4] expected elements of the same."""
    target: Extent
    """What the layer writes where it is there, before a pool."""
    pixels: jax.Array
    """[H, W] of `Template.canvas`: how likely a pixel is one of the windows' results
    before a stride leaves some out."""
    reduced: 'Passage | None' = None
    """The same behind a 1x1 convolution, where that is one of several types."""

    def of(self, kind: str) -> 'Passage':
        """That of the layer as one of its types."""
        if self.reduced is None or not LAYER_TYPES[kind].reduces:
            return self
        return self.reduced


class End(NamedTuple):
    """What the pools of `Template.pools`, P of them, do to the map that a block ends
    in."""

    source: Extent
    """With what a residual block adds, as far as there is one."""
    skip: Skip | None
    """None where no block of the template is residual."""
    written: jax.Array
    """[P] expected elements after each."""
    pixels: jax.Array
    """[P, H, W] how likely a pixel is one of what each leaves."""
    shares: jax.Array
    """[P] expected inverse of the number of pixels in its window."""


class Geometry(NamedTuple):
    """All sizes of a relaxed network."""

    passages: tuple[Passage, ...]
    """Of every layer."""
    ends: tuple[End, ...]
    """Of every block."""
    last: Extent
    """What the classifier, or the fully connected layer, reads."""


def geometry(choice: Decisions, template: Template) -> Geometry:
    """Sizes of a relaxed network.

    Args:
      choice: shares of every decision.
      template: the family.
    """
    sizes, (*_, channels) = sizes_of(template), template.input_shape
    share = choice.rate @ sizes.image
    maps = choice.squeeze[0] * channels + choice.squeeze[1]
    now = _table(share, maps, (choice.squeeze, (channels, 1)), template)
    passages, ends, entering, way = [], [], now, skips.unmoved(template)
    for i in range(len(template.layers)):
        passage = _passage(now, choice, i, template)
        passages.append(passage)
        skipped, there = choice.exists[i]
        now = extent_of(
            there * passage.target.table + skipped * now.table, sizes)
        if way is not None:
            wide = numbered(choice.width[i], template.widths, template)
            way = skips.moved(
                way, _moves(choice, i, template), wide, choice.exists[i])
        if i + 1 in template.ends:
            k, skip = template.ends.index(i + 1), None
            if way is not None:
                skip = skips.skip_of(entering, way, now, k, template)
                plain, added = choice.residual[k]
                now = extent_of(plain * now.table + added * skip.target.table, sizes)
            pooled = jnp.einsum('ts,psa->pta', now.table, sizes.pool)
            ends.append(End(now, skip, pooled[:, 1] @ sizes.area, pixels_of(
                pooled[:, 0], sizes), jnp.dot(sizes.share, now.table[0])))
            now = extent_of(jnp.tensordot(choice.pool[k], pooled, 1), sizes)
            entering, way = now, skips.unmoved(template)
    return Geometry(tuple(passages), tuple(ends), now)


def _passage(source: Extent, choice: Decisions, i: int, template: Template) -> Passage:
    """What layer i does."""
    reduction = _reduction(source, choice, i, template)
    if i not in template.open:
        return _windows(source, reduction, choice, i, template)
    plain, reduced = (_windows(source, first, choice, i, template)
                      for first in (None, reduction))
    return plain._replace(reduced=reduced)


def _windows(
    source: Extent, reduction: Reduction | None, choice: Decisions, i: int,
    template: Template,
) -> Passage:
    """What the windows of layer i do behind a 1x1 convolution, or none."""
    sizes = sizes_of(template)
    read = source if reduction is None else reduction.target
    windows = jnp.einsum('ts,ksa->kta', read.table[:2], sizes.window)
    pixels = pixels_of(choice.kernel[i] @ windows[:, 0], sizes)
    stride = stride_of(choice, i, template)
    if stride is not None:
        windows = windows @ jnp.tensordot(stride, sizes.stride, 1)
    share = choice.kernel[i] @ windows[:, 0]
    wide = maps_of(choice, i, template)
    target = _table(share, wide, (choice.width[i], template.widths), template)
    return Passage(
        source, reduction, windows, windows[:, 1] @ sizes.area, target, pixels)


def _moves(choice: Decisions, i: int, template: Template) -> jax.Array:
    """[S, S] how likely layer i makes a pair of another."""
    sizes, stride = sizes_of(template), stride_of(choice, i, template)
    window = jnp.tensordot(choice.kernel[i], sizes.window, 1)
    if stride is None:
        return window
    return window @ jnp.tensordot(stride, sizes.stride, 1)


def _reduction(
    source: Extent, choice: Decisions, i: int, template: Template
) -> Reduction | None:
    """What the 1x1 convolution of layer i leaves: at most half of what it reads."""
    shares = reduced_of(choice, i, template)
    if shares is None:
        return None
    shares, sizes = jnp.asarray(shares), sizes_of(template)
    numbers = np.array(template.numbers)
    chosen = np.array(template.reduced)
    # [N, Q] of every number of maps that is read, for every choice.
    left = np.minimum(chosen, np.array([[half(n)] for n in template.numbers]))
    joint = (left @ shares) @ source.table[2:]
    cost = ((left * numbers[:, None]) @ shares) @ source.table[2:]
    likely = source.table[2:].sum(1)
    there = (np.arange(chosen[-1])[:, None, None] < left) @ shares @ likely
    return Reduction(
        extent_of(jnp.stack([source.table[0], joint]), sizes), cost.sum(),
        jnp.dot(cost, sizes.area), there / jnp.maximum(likely.sum(), 1e-6))


def _table(
    share: _Real, maps: _Real, chosen: tuple[_Real, tuple[int, ...]],
    template: Template,
) -> Extent:
    """A map whose number of maps does not depend on its size.

    Args:
      share: [S] how likely each pair is.
      maps: [] expected.
      chosen: how likely some numbers of maps are, and these.
      template: the family.
    """
    table = jnp.stack([share, maps * share])
    if template.counts_maps:
        each = jnp.outer(numbered(*chosen, template), jnp.asarray(share))
        table = jnp.concatenate([table, each])
    return extent_of(table, sizes_of(template))
