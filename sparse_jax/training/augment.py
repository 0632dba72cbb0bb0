"""Augmentation: what a training may do to an image without changing its class.

Images are moved and mirrored at full resolution, before the down-sampling of the input:
a shift by one pixel after it is one by several pixels before.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise
from sparse_jax.data import known

FLIPS = ('auto', 'on', 'off')
AS_KNOWN = -1
"""Shift of a data set whose own is to be used."""


@dataclasses.dataclass(frozen=True)
class Augment:
    """What happens to the images of a step. Static: it is part of the program.

    Attributes:
      shift: pixels of the full image that a picture moves by at most, up, down, left
        and right; what moves in from outside repeats the edge. 0 for none, -1 for what
        suits the data set.
      flip: 'on' mirrors every other picture left to right, 'off' none; 'auto' for what
        suits the data set.
    """

    shift: int = 0
    flip: str = 'off'

    def __post_init__(self) -> None:
        """Refuses other values.

        Raises:
          ValueError: one line with the setting, the value and what is allowed.
        """
        if not AS_KNOWN <= self.shift <= 64:
            raise ValueError(f'train.augment.shift: {self.shift!r} is not allowed; '
                             'allowed: -1 (as suits the data set), 0 (none) to 64')
        if self.flip not in FLIPS:
            raise ValueError(f'train.augment.flip: {self.flip!r} is not allowed; '
                             f'allowed: {", ".join(FLIPS)}')

    @property
    def changes(self) -> bool:
        """Whether any image is changed.

        Raises:
          ValueError: a value is still that of a data set, see `suited`.
        """
        if self.shift == AS_KNOWN or self.flip == 'auto':
            raise ValueError(f'{self}: which data set is not known here; allowed: a '
                             'shift of 0 or more and a flip of on or off')
        return self.shift > 0 or self.flip == 'on'


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
