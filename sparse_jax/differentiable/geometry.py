"""Sizes of feature maps that follow from decisions, as distributions.

Windows are VALID and decisions independent of each other, so the height and width of
a map have a distribution that is followed exactly, layer by layer: a window shifts
it, a pool halves it, a layer that may be left out mixes two. The number of maps comes
along as a second table, its expectation on every size, as both depend on which layers
are there.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.template import KERNELS, Decisions, Template


class Extent(NamedTuple):
    """A feature map of uncertain size."""

    share: jax.Array
    """[H + 1, W + 1] probability of every height and width; what no network with a
    pixel has is missing in the sum."""
    maps: jax.Array
    """[H + 1, W + 1] the same times the number of maps, in expectation."""

    @property
    def number(self) -> jax.Array:
        """[] expected maps."""
        return self.maps.sum()

    @property
    def elements(self) -> jax.Array:
        """[] expected elements."""
        return (self.maps * _areas(self.maps)).sum()


class Passage(NamedTuple):
    """What one layer does to the map that it reads."""

    source: Extent
    windows: Extent
    """[4, H + 1, W + 1] each: the source after a window of each of `KERNELS`, not yet
    weighted by how likely that is."""
    target: Extent
    """What the layer writes where it is there, before a pool."""


class Geometry(NamedTuple):
    """All sizes of a relaxed network."""

    passages: tuple[Passage, ...]
    """Of every layer."""
    pooled: tuple[jax.Array, ...]
    """[H + 1, W + 1] of every block: the share of what its pool would leave."""
    last: Extent
    """What the classifier, or the fully connected layer, reads."""


def geometry(choice: Decisions, template: Template) -> Geometry:
    """Sizes of a relaxed network.

    Args:
      choice: shares of every decision.
      template: the family.
    """
    extent, passages, pooled = _image(choice, template), [], []
    for i in range(len(template.layers)):
        windows = Extent(*(jnp.stack([windowed(table, k) for k in KERNELS])
                           for table in extent))
        share = jnp.tensordot(choice.kernel[i], windows.share, 1)
        wide = (choice.width[i] * np.array(template.widths)).sum()
        target = Extent(share, wide * share)
        passages.append(Passage(extent, windows, target))
        skipped, there = choice.exists[i]
        extent = Extent(*(there * new + skipped * old
                          for new, old in zip(target, extent)))
        if i + 1 in template.ends:
            unpooled, pools = choice.pool[template.ends.index(i + 1)]
            half = Extent(*map(halved, extent))
            pooled.append(half.share)
            extent = Extent(*(pools * new + unpooled * old
                              for new, old in zip(half, extent)))
    return Geometry(tuple(passages), tuple(pooled), extent)


def windowed(table: jax.Array, kernel: int) -> jax.Array:
    """[H + 1, W + 1] of sizes -> that of the sizes after a VALID window."""
    height, width = (min(kernel - 1, size) for size in table.shape)
    return _some_pixels(jnp.pad(table[height:, width:], ((0, height), (0, width))))


def halved(table: jax.Array) -> jax.Array:
    """[H + 1, W + 1] of sizes -> that of the sizes after a pool of 2."""
    height, width = table.shape
    rows, columns = -(-height // 2), -(-width // 2)
    table = jnp.pad(table, ((0, 2 * rows - height), (0, 2 * columns - width)))
    table = table.reshape(rows, 2, columns, 2).sum((1, 3))
    return _some_pixels(jnp.pad(table, ((0, height - rows), (0, width - columns))))


def inside(share: jax.Array) -> jax.Array:
    """[H + 1, W + 1] share of sizes -> [H, W] how likely a pixel is one of the map."""
    return jnp.flip(jnp.flip(share[1:, 1:], (0, 1)).cumsum(0).cumsum(1), (0, 1))


def areas_of(tables: jax.Array) -> jax.Array:
    """[..., H + 1, W + 1] -> [...] sums, every size weighted by its pixels."""
    return (tables * _areas(tables)).sum((-1, -2))


def _image(choice: Decisions, template: Template) -> Extent:
    height, width, channels = template.input_shape
    share = jnp.zeros((height + 1, width + 1))
    for part, rate in zip(choice.rate, template.rates, strict=True):
        share = share.at[height // rate, width // rate].add(part)
    share = _some_pixels(share)
    return Extent(share, share * (choice.squeeze[0] * channels + choice.squeeze[1]))


def _areas(table: jax.Array) -> np.ndarray:
    """[H + 1, W + 1] pixels of every size."""
    height, width = table.shape[-2:]
    return np.outer(np.arange(height), np.arange(width)).astype(np.float32)


def _some_pixels(table: jax.Array) -> jax.Array:
    """The table without sizes that have no pixel."""
    return table.at[0].set(0.0).at[:, 0].set(0.0)
