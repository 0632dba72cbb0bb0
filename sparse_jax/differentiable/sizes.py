"""The heights and widths that maps of a template can have, and what changes them.

There are only a few pairs of them. What a window, a stride or a pool does to a pair is
a matrix of zeros and ones, known before any step.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.template import KERNELS, Template
from sparse_jax.space.architecture import POOL

Pair = tuple[int, int]
"""Height and width."""


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


class Extent(NamedTuple):
    """A feature map of uncertain size."""

    table: jax.Array
    """[T, S] of every pair of `Sizes`: its probability, and the same times the number
    of maps, in expectation. What no network with a pixel has is missing in the sum.
    With `Template.counts_maps` then the probability of the pair with each of
    `Template.numbers` of maps."""
    elements: jax.Array
    """[] expected elements."""

    @property
    def number(self) -> jax.Array:
        """[] expected maps."""
        return self.table[1].sum()


def extent_of(table: jax.Array, sizes: Sizes) -> Extent:
    """The map of a table."""
    return Extent(table, table[1] @ sizes.area)


def pixels_of(share: jax.Array, sizes: Sizes) -> jax.Array:
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
