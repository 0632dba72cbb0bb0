"""Augmentation: what a training may do to an image without changing its class.

Images are moved and mirrored at full resolution, before the down-sampling of the input:
a shift by one pixel after it is one by several pixels before.
"""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise
from sparse_jax.data import known
from sparse_jax.train_config import AS_KNOWN, Augment


def suited(augment: Augment, name: str, input_shape: tuple[int, int, int]) -> Augment:
    """The augmentation with the values of a data set where it has none of its own.

    Args:
      augment: a shift of -1 and a flip of 'auto' are replaced.
      name: of the data set, without its grouping; of one that is not known nothing is
        mirrored.
      input_shape: (height, width, channels) of an image; a shift is a sixteenth of the
        shorter side, rounded down.

    Returns:
      An `Augment` that a training can run with.
    """
    shift, flip = augment.shift, augment.flip
    if shift == AS_KNOWN:
        shift = min(input_shape[:2]) // 16
    if flip == 'auto':
        flip = 'on' if name in known.MIRRORED else 'off'
    return Augment(shift, flip)


def taken(
    seed: jax.Array, step: jax.Array, images: jax.Array, rows: jax.Array,
    augment: Augment,
) -> jax.Array:
    """The images of a step, each moved and mirrored in its own way.

    Args:
      seed: [2] uint32, of the training's order of images: all candidates of a batch
        see the same pictures, which are read once.
      step: [] number of the step.
      images: [N, H, W, C] at full resolution.
      rows: [B] which of them.
      augment: how far; static.

    Returns:
      [B, H, W, C].
    """
    count, (height, width) = len(rows), images.shape[1:3]
    index = (step.astype(jnp.uint32) * np.uint32(count)
             + jnp.arange(count, dtype=jnp.uint32))
    word = counter_noise.bits(seed, index)
    y, x = (_moved(part, augment.shift, size)
            for part, size in ((word, height), (word >> 12, width)))
    if augment.flip == 'on':
        mirrored = (word >> 31 == 1)[:, None]
        x = jnp.where(mirrored, width - 1 - x, x)
    return images[rows[:, None, None], y[:, :, None], x[:, None, :]]


def _moved(word: jax.Array, shift: int, size: int) -> jax.Array:
    """[B] random words -> [B, size] pixels that are read, the last one repeated."""
    places = np.uint32(2 * shift + 1)
    offset = ((word & 0xFFF) * places >> 12).astype(jnp.int32) - shift
    return jnp.clip(jnp.arange(size) + offset[:, None], 0, size - 1)
