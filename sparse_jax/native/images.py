"""Images of a step, chosen, moved and turned to batch-minor in one call on a CPU.

XLA gathers them first and transposes them then, each pixel from a line of memory of its
own.
"""

import jax
import jax.numpy as jnp

from sparse_jax.native import build, calls

CALLS = calls.Family(('take_images',), build.IMAGES)
available, targets = CALLS.available, CALLS.targets


@jax.custom_vjp
def take(
    images: jax.Array, rows: jax.Array, ys: jax.Array, xs: jax.Array
) -> jax.Array:
    """Images by their number, pixels by their place: `gathered`, the batch last.

    Args:
      images: [N, H, W, C] float32.
      rows: [B] whole numbers, which of them; -1 and N are the first and the last.
      ys, xs: [B, H'] and [B, W'] the row and the column that each pixel is read from;
        what is outside is the nearest that is inside.

    Returns:
      [C, H', W', B].
    """
    shape = (images.shape[-1], ys.shape[1], xs.shape[1], len(rows))
    like = jax.ShapeDtypeStruct(shape, images.dtype)
    return CALLS.call('take_images', like, vmap_method='sequential')(
        images, *(part.astype(jnp.int32) for part in (rows, ys, xs)))


def gathered(
    images: jax.Array, rows: jax.Array, ys: jax.Array, xs: jax.Array
) -> jax.Array:
    """By operations of XLA, the batch first: [N, H, W, C] -> [B, H', W', C]."""
    return images[rows[:, None, None], ys[:, :, None], xs[:, None, :]]


def _forward(
    images: jax.Array, rows: jax.Array, ys: jax.Array, xs: jax.Array
) -> tuple:
    return take(images, rows, ys, xs), (images, rows, ys, xs)


def _backward(residuals: tuple, gradient: jax.Array) -> tuple:
    images, *places = residuals
    _, back = jax.vjp(lambda a: gathered(a, *places), images)
    return *back(jnp.moveaxis(gradient, (0, -1), (-1, 0))), None, None, None


take.defvjp(_forward, _backward)
