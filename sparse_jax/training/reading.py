"""Images of a step as a network reads them: chosen, down-sampled, batch innermost."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from sparse_jax.model import network
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.native.images import gathered, take
from sparse_jax.ops import lowering

Places = tuple[jax.Array, jax.Array]
"""[B, H] and [B, W]: the row and the column that each pixel is read from."""


def reader(
    skeleton: Skeleton, conv: str, images: jax.Array, *, often: bool
) -> Callable[[jax.Array], jax.Array]:
    """rows [B] -> images [c, h, w, B].

    Args:
      skeleton: the network, whose input down-sampling it is.
      conv: form of convolutions, see `ops.lowering`; decides how, not what.
      images: [N, H, W, C] at full resolution, normalised.
      often: whether images are read more than once: all are down-sampled first then.
    """
    whole = jnp.asarray(images, jnp.float32)
    if not lowering.takes_images(conv, whole):
        small = network.prepare_images(skeleton, whole)
        return lambda rows: jnp.moveaxis(small[rows], 0, -1)
    if not often:
        return lambda rows: network.prepare_batch(
            skeleton, take(whole, rows, *_own(whole, rows)))
    last = jnp.moveaxis(network.prepare_images(skeleton, whole), 1, -1)
    return lambda rows: take(last, rows, *_own(last, rows))


def moved_reader(
    skeleton: Skeleton, conv: str, images: jax.Array
) -> Callable[[jax.Array, Places], jax.Array]:
    """(rows [B], where their pixels are read) -> images [c, h, w, B], down-sampled when
    they have been moved. Arguments as of `reader`."""
    whole = jnp.asarray(images, jnp.float32)
    if skeleton.graph.squeeze_depth:
        whole = whole.max(axis=-1, keepdims=True)
    if lowering.takes_images(conv, whole):
        return lambda rows, places: network.prepare_batch(
            skeleton, take(whole, rows, *places))
    return lambda rows, places: jnp.moveaxis(network.prepare_images(
        skeleton, gathered(whole, rows, *places)), 0, -1)


def _own(whole: jax.Array, rows: jax.Array) -> Places:
    _, height, width, _ = whole.shape
    every = lambda side: jnp.broadcast_to(
        jnp.arange(side, dtype=jnp.int32), (len(rows), side))
    return every(height), every(width)
