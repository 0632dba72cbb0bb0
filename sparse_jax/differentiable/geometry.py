"""Sizes of feature maps that follow from decisions, as distributions.

Windows are VALID and decisions independent of each other, so the height and width of
a map have a distribution over the few pairs that a template can have at all. It is
followed exactly, layer by layer: a window shifts it, a stride or a pool halves it, a
layer that may be left out mixes two. The number of maps comes along as a second row,
its expectation at every pair, as both depend on which layers are there. A 1x1
convolution that leaves at most half of its maps needs more: how likely every number of
maps is, together with every pair. What a window, a stride or a pool does to a pair is a
matrix of zeros and ones, known before any step.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.template import (
    KERNELS,
    Decisions,
    Template,
    half,
    maps_of,
    reduced_of,
    stride_of,
)
from sparse_jax.space.architecture import POOL
from sparse_jax.space.layer_types import LAYER_TYPES

Pair = tuple[int, int]
"""Height and width."""
_Real = jax.Array | np.ndarray


class Extent(NamedTuple):
    """A feature map of uncertain size."""

    table: jax.Array
    """[T, S] of every pair of `Sizes`: its probability, and the same times the number
    of maps, in expectation. What no network with a pixel has is missing in the sum.
    Where a layer of the template has a 1x1 convolution, then the probability of the
    pair with each of `Template.numbers` of maps."""
    elements: jax.Array
    """[] expected elements."""

    @property
    def number(self) -> jax.Array:
        """[] expected maps."""
        return self.table[1].sum()


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


class Sizes(NamedTuple):
    """The S pairs of height and width that maps can have, largest first."""

    pairs: tuple[Pair, ...]
    image: np.ndarray
    """[R, S] one-hot: the pair of the image at every rate."""
    window: np.ndarray
    """[4, S, S] from a pair to that after a window of each of `KERNELS`."""
    stride: np.ndarray
    """[strides, S, S] from a pair of windows to those that a stride leaves."""
    pool: np.ndarray
    """[P, S, S] the same of every pool."""
    share: np.ndarray
    """[P, S] one over the pixels of a pool's window."""
    area: np.ndarray
    """[S] pixels."""
    inside: np.ndarray
    """[S, H, W] whether a pixel is one of a map of this size."""


@functools.lru_cache(maxsize=64)
def sizes_of(template: Template) -> Sizes:
    """The pairs that a template's maps can have, and what changes them."""
    height, width, _ = template.input_shape
    starts = [(height // rate, width // rate) for rate in template.rates]
    pairs, fresh = set(starts), set(starts)
    while fresh:
        fresh = {after for pair in fresh for after in _after(pair, template)} - pairs
        pairs |= fresh
    ordered = tuple(sorted(pairs, reverse=True))
    to = lambda pair: np.array([pair == other for other in ordered], np.float32)
    moves = lambda change, values: np.stack([
        np.stack([to(change(pair, value)) for pair in ordered]) for value in values])
    rows, columns = np.array(ordered).T
    down, across = map(np.arange, template.canvas)
    inside = (down[:, None] < rows[:, None, None]) & (
        across < columns[:, None, None])
    share = np.array([[1.0 / _window(pair, pool) for pair in ordered]
                      for pool in template.pools], np.float32)
    return Sizes(
        ordered, np.stack([to(pair) for pair in starts]), moves(_windowed, KERNELS),
        moves(_strided, template.strides), moves(_pooled, template.pools), share,
        (rows * columns).astype(np.float32), inside.astype(np.float32))


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
    passages, ends = [], []
    for i in range(len(template.layers)):
        passage = _passage(now, choice, i, template)
        passages.append(passage)
        skipped, there = choice.exists[i]
        now = _extent(
            there * passage.target.table + skipped * now.table, sizes)
        if i + 1 in template.ends:
            k = template.ends.index(i + 1)
            pooled = jnp.einsum('ts,psa->pta', now.table, sizes.pool)
            ends.append(End(now, pooled[:, 1] @ sizes.area, _pixels(
                pooled[:, 0], sizes), jnp.dot(sizes.share, now.table[0])))
            now = _extent(jnp.tensordot(choice.pool[k], pooled, 1), sizes)
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
    pixels = _pixels(choice.kernel[i] @ windows[:, 0], sizes)
    stride = stride_of(choice, i, template)
    if stride is not None:
        windows = windows @ jnp.tensordot(stride, sizes.stride, 1)
    share = choice.kernel[i] @ windows[:, 0]
    wide = maps_of(choice, i, template)
    target = _table(share, wide, (choice.width[i], template.widths), template)
    return Passage(
        source, reduction, windows, windows[:, 1] @ sizes.area, target, pixels)


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
        _extent(jnp.stack([source.table[0], joint]), sizes), cost.sum(),
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
    if template.reducing:
        likely, numbers = chosen
        same = np.equal.outer(numbers, template.numbers).astype(np.float32)
        each = jnp.outer(jnp.asarray(likely) @ same, jnp.asarray(share))
        table = jnp.concatenate([table, each])
    return _extent(table, sizes_of(template))


def _extent(table: jax.Array, sizes: Sizes) -> Extent:
    return Extent(table, table[1] @ sizes.area)


def _pixels(share: jax.Array, sizes: Sizes) -> jax.Array:
    """[..., H, W] how likely a pixel is one of a map whose pairs have these shares,
    [..., S]."""
    return jnp.tensordot(share, sizes.inside, 1)


def _windowed(pair: Pair, kernel: int) -> Pair:
    """After a VALID window."""
    return pair[0] - kernel + 1, pair[1] - kernel + 1


def _strided(pair: Pair, stride: int) -> Pair:
    """Of windows one pixel apart those that a stride leaves."""
    return -(-pair[0] // stride), -(-pair[1] // stride)


def _pooled(pair: Pair, pool: str) -> Pair:
    """After a pool; a mean takes in what is shorter than its window."""
    if not pool:
        return pair
    if pool == 'max':
        return pair[0] // POOL, pair[1] // POOL
    if pool == 'average':
        return max(pair[0] // POOL, 1), max(pair[1] // POOL, 1)
    return 1, 1


def _window(pair: Pair, pool: str) -> int:
    """Pixels that a pool makes one of."""
    most = {'': 1, 'global': max(pair)}.get(pool, POOL)
    return min(pair[0], most) * min(pair[1], most)


def _after(pair: Pair, template: Template) -> Iterator[Pair]:
    """Pairs that a map of this one can become, those without a pixel left out."""
    windows = [_windowed(pair, kernel) for kernel in KERNELS]
    found = [*windows, *(_strided(window, stride) for window in windows
                         for stride in template.strides),
             *(_pooled(pair, pool) for pool in template.pools)]
    return (after for after in found if min(after) >= 1)
