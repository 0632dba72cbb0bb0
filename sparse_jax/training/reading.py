"""Images of a step as a network reads them: chosen, down-sampled, batch innermost."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from sparse_jax.model import network
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.native.images import gathered, take
from sparse_jax.ops import lowering

Places = tuple[jax.Array, jax.Array]
"""[B, H] and [B, W] int32: the row and the column that each pixel is read from."""
Reader = Callable[[jax.Array, Places | None], jax.Array]
"""(rows [B], their pixels' places, None for their own) -> images [c, h, w, B]."""


def reader(skeleton: Skeleton, conv: str, images: jax.Array) -> Reader:
    """How the images of a data set are read.

    Where pixels have no other places than their own, and images are not taken by one
    call, all images are down-sampled at once, when they are first read.

    Args:
      skeleton: the network, whose input down-sampling it is.
      conv: form of convolutions, see `ops.lowering`; decides how, not what.
      images: [N, H, W, C] at full resolution, normalised.
    """
    whole = jnp.asarray(images, jnp.float32)
    at_once = lowering.takes_images(conv, whole)
    if skeleton.graph.squeeze_depth:
        whole = whole.max(axis=-1, keepdims=True)
    if at_once:
        return lambda rows, places: network.prepare_batch(
            skeleton, take(whole, rows, *(places or _own(whole, rows))))
    small = network.prepare_images(skeleton, images)

    def read(rows: jax.Array, places: Places | None) -> jax.Array:
        if places is None:
            return jnp.moveaxis(small[rows], 0, -1)
        chosen = network.prepare_images(skeleton, gathered(whole, rows, *places))
        return jnp.moveaxis(chosen, 0, -1)

    return read


def _own(whole: jax.Array, rows: jax.Array) -> Places:
    _, height, width, _ = whole.shape
    every = lambda side: jnp.broadcast_to(
        jnp.arange(side, dtype=jnp.int32), (len(rows), side))
    return every(height), every(width)
