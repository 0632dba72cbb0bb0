"""What a residual block adds: what enters it, cut to the middle of what leaves it.

The sum has as many maps as the wider of both, and how much is cut depends on the size
of both. So the distribution of what leaves the layers of a block is followed for every
pair that can enter it: a *way* [S, N, S], how likely so many maps of `Template.numbers`
leave with a pair, for every pair that enters.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.sizes import (
    Extent,
    Pair,
    extent_of,
    pixels_of,
    sizes_of,
)
from sparse_jax.differentiable.template import Template


class Skip(NamedTuple):
    """The sum that a residual block ends in."""

    entering: Extent
    """What enters the block; added where it is residual."""
    leaving: Extent
    """What its layers leave."""
    target: Extent
    """Their sum."""
    read: jax.Array
    """[S] for every pair of the sum, the maps that it adds, in expectation."""
    pixels: jax.Array
    """[O, H, W] how likely a pixel is one of the sum's, and what enters is read from so
    far right and down, of `corners`."""


def unmoved(template: Template) -> jax.Array | None:
    """The way before the first layer, which is always there; None where no block is
    residual."""
    if not template.residual:
        return None
    pairs, numbers = len(sizes_of(template).pairs), len(template.numbers)
    return jnp.eye(pairs)[:, None] * (np.arange(numbers) == 0)[:, None]


def moved(
    way: jax.Array, moves: jax.Array, wide: jax.Array, exists: jax.Array | np.ndarray
) -> jax.Array:
    """The way after one more layer.

    Args:
      way: before it.
      moves: [S, S] how likely it makes a pair of another.
      wide: [N] how likely it writes so many maps.
      exists: [2] shares, see `Decisions`.
    """
    passed = way.sum(1) @ moves
    return exists[1] * wide[:, None] * passed[:, None] + exists[0] * way


def skip_of(
    entering: Extent, way: jax.Array, leaving: Extent, k: int, template: Template
) -> Skip:
    """The sum of what enters block k and what leaves its layers.

    Args:
      entering: with the probabilities of all numbers of maps.
      way: through all layers.
      leaving: the same without the sum.
      k: of the template's blocks, from 0 on.
      template: the family.
    """
    sizes, read = sizes_of(template), entering.table[2:]
    # The larger of two numbers is below one as likely as both are.
    below = jnp.einsum('ns,sna->na', jnp.cumsum(read, 0), jnp.cumsum(way, 1))
    joint = jnp.diff(below, axis=0, prepend=0.0)
    numbers = np.array(template.numbers, np.float32)
    target = extent_of(jnp.concatenate([
        jnp.stack([joint.sum(0), numbers @ joint]), joint]), sizes)
    passed = way.sum(1)
    _, cuts = corners(template, k)
    places = jnp.einsum('s,sa,osa->oa', read.sum(0), passed, cuts)
    return Skip(entering, leaving, target, entering.table[1] @ passed
                + leaving.table[1], pixels_of(places, sizes))


@functools.lru_cache(maxsize=64)
def corners(template: Template, k: int) -> tuple[tuple[Pair, ...], np.ndarray]:
    """Where the middle begins that is added, O of them: (rows, columns), and [O, S, S]
    which pairs, entering and leaving block k, have it."""
    sizes = sizes_of(template)
    window = sizes.window.sum(0)
    reached = each = (window[None] @ sizes.stride).sum(0) > 0
    for _ in template.blocks[k][1:]:
        each = (each @ window) > 0
        reached = reached | each
    found: dict[Pair, np.ndarray] = {}
    for before, after in np.argwhere(reached):
        (high, wide), (low, narrow) = (sizes.pairs[i] for i in (before, after))
        cut = found.setdefault(((high - low) // 2, (wide - narrow) // 2),
                               np.zeros(reached.shape, np.float32))
        cut[before, after] = 1.0
    return tuple(found), np.stack(list(found.values()))
