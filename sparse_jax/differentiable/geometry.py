"""Sizes of feature maps that follow from decisions, as distributions.

Windows are VALID and decisions independent of each other, so the height and width of
a map have a distribution over the few pairs that a template can have at all. It is
followed exactly, layer by layer: a window shifts it, a pool halves it, a layer that may
be left out mixes two. The number of maps comes along as a second row, its expectation
at every pair, as both depend on which layers are there. What a window or a pool does
to a pair is a matrix of zeros and ones, known before any step.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.template import KERNELS, Decisions, Template

Pair = tuple[int, int]
"""Height and width."""


class Extent(NamedTuple):
    """A feature map of uncertain size."""

    table: jax.Array
    """[2, S] of every pair of `Sizes`: its probability, and the same times the number
    of maps, in expectation. What no network with a pixel has is missing in the sum."""
    elements: jax.Array
    """[] expected elements."""

    @property
    def number(self) -> jax.Array:
        """[] expected maps."""
        return self.table[1].sum()


class Passage(NamedTuple):
    """What one layer does to the map that it reads."""

    source: Extent
    windows: jax.Array
    """[4] expected elements of the source after a window of each of `KERNELS`, not yet
    weighted by how likely that is."""
    target: Extent
    """What the layer writes where it is there, before a pool."""
    pixels: jax.Array
    """[H, W] of `Template.canvas`: how likely a pixel is one of the target."""


class Geometry(NamedTuple):
    """All sizes of a relaxed network."""

    passages: tuple[Passage, ...]
    """Of every layer."""
    pooled: tuple[jax.Array, ...]
    """[H, W] of every block: how likely a pixel is one of what its pool would leave."""
    last: Extent
    """What the classifier, or the fully connected layer, reads."""


class Sizes(NamedTuple):
    """The S pairs of height and width that maps can have, largest first."""

    pairs: tuple[Pair, ...]
    image: np.ndarray
    """[R, S] one-hot: the pair of the image at every rate."""
    window: np.ndarray
    """[4, S, S] from a pair to that after a window of each of `KERNELS`."""
    pool: np.ndarray
    """[S, S] the same of a pool of 2."""
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
        fresh = {after for pair in fresh for after in _after(pair)} - pairs
        pairs |= fresh
    ordered = tuple(sorted(pairs, reverse=True))
    to = lambda pair: np.array([pair == other for other in ordered], np.float32)
    move = lambda change: np.stack([to(change(pair)) for pair in ordered])
    rows, columns = np.array(ordered).T
    down, across = map(np.arange, template.canvas)
    inside = (down[:, None] < rows[:, None, None]) & (
        across < columns[:, None, None])
    return Sizes(
        ordered, np.stack([to(pair) for pair in starts]),
        np.stack([move(functools.partial(_windowed, kernel=k)) for k in KERNELS]),
        move(_halved), (rows * columns).astype(np.float32), inside.astype(np.float32))


def geometry(choice: Decisions, template: Template) -> Geometry:
    """Sizes of a relaxed network.

    Args:
      choice: shares of every decision.
      template: the family.
    """
    sizes, (*_, channels) = sizes_of(template), template.input_shape
    extent = lambda table: Extent(table, table[1] @ sizes.area)
    pixels = lambda share: jnp.tensordot(share, sizes.inside, 1)
    share = choice.rate @ sizes.image
    maps = choice.squeeze[0] * channels + choice.squeeze[1]
    now = extent(jnp.stack([share, maps * share]))
    passages, pooled = [], []
    for i in range(len(template.layers)):
        windows = jnp.einsum('ts,ksa->kta', now.table, sizes.window)
        share = choice.kernel[i] @ windows[:, 0]
        wide = (choice.width[i] * np.array(template.widths)).sum()
        target = extent(jnp.stack([share, wide * share]))
        passages.append(Passage(
            now, windows[:, 1] @ sizes.area, target, pixels(share)))
        skipped, there = choice.exists[i]
        table = there * target.table + skipped * now.table
        if i + 1 in template.ends:
            unpooled, pools = choice.pool[template.ends.index(i + 1)]
            half = table @ sizes.pool
            pooled.append(pixels(half[0]))
            table = pools * half + unpooled * table
        now = extent(table)
    return Geometry(tuple(passages), tuple(pooled), now)


def _windowed(pair: Pair, kernel: int) -> Pair:
    """After a VALID window."""
    return pair[0] - kernel + 1, pair[1] - kernel + 1


def _halved(pair: Pair) -> Pair:
    """After a pool of 2."""
    return pair[0] // 2, pair[1] // 2


def _after(pair: Pair) -> Iterator[Pair]:
    """All that follow a pair and have a pixel."""
    for after in (*(_windowed(pair, k) for k in KERNELS), _halved(pair)):
        if min(after) > 0:
            yield after
