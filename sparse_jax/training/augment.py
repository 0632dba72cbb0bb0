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


def places(
    seed: jax.Array, step: jax.Array, count: int, size: tuple[int, int],
    augment: Augment,
) -> tuple[jax.Array, jax.Array]:
    """Where the pixels of a step's images are read, each image in its own way.

    Args:
      seed: [2] uint32, of the training's order of images: all candidates of a batch
        see the same pictures, which are read once.
      step: [] number of the step.
      count: B, the images of a step.
      size: (H, W) of an image at full resolution.
      augment: how far it is moved, and whether it is mirrored; static.

    Returns:
      [B, H] rows and [B, W] columns, int32.
    """
    index = (step.astype(jnp.uint32) * np.uint32(count)
             + jnp.arange(count, dtype=jnp.uint32))
    word = counter_noise.bits(seed, index)
    y, x = (_moved(part, augment.shift, side)
            for part, side in ((word, size[0]), (word >> 12, size[1])))
    if augment.flip == 'on':
        mirrored = (word >> 31 == 1)[:, None]
        x = jnp.where(mirrored, size[1] - 1 - x, x)
    return y, x


def _moved(word: jax.Array, shift: int, size: int) -> jax.Array:
    """[B] random words -> [B, size] pixels that are read, the last one repeated."""
    places = np.uint32(2 * shift + 1)
    offset = ((word & 0xFFF) * places >> 12).astype(jnp.int32) - shift
    return jnp.clip(jnp.arange(size) + offset[:, None], 0, size - 1)
