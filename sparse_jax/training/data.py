"""Data as a training takes it: normalised images and labels on the device."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from sparse_jax.data.dataset import Dataset, Split, normalise


class TrainData(NamedTuple):
    """Images on the device, shared by all candidates of a batch."""

    images: jax.Array
    """[N, H, W, C] float32, normalised."""
    labels: jax.Array
    """[N] int32."""

    def num_images(self) -> int:
        """N, once the shapes are checked.

        Raises:
          ValueError: there are no images.
          AssertionError: images or labels of another rank, or not as many of both.
        """
        chex.assert_rank((self.images, self.labels), (4, 1))
        chex.assert_equal_shape_prefix((self.images, self.labels), 1)
        if not len(self.labels):
            raise ValueError('data has no images')
        return len(self.labels)


def train_data(split: Split, dataset: Dataset) -> TrainData:
    """A part of a data set, normalised and on the device.

    Args:
      split: images [N, H, W, C] of any real dtype and labels [N]; a part of `dataset`,
        or images of the same kind.
      dataset: gives the mean and the standard deviation of the training images, which
        every part is normalised with.

    Returns:
      `TrainData`: images [N, H, W, C] float32, labels [N] int32.

    Example:
      >>> digits = load_data(DataSpec('digits'))
      >>> validation = train_data(digits.validation, digits)
      >>> validation.images.shape, validation.images.dtype, validation.num_images()
      ((300, 8, 8, 1), dtype('float32'), 300)
    """
    images = normalise(split.images, dataset.mean, dataset.std)
    return TrainData(jnp.asarray(images), jnp.asarray(split.labels, jnp.int32))
