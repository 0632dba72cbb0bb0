"""Data as a training takes it: normalised images and labels on the device."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.data.dataset import Dataset, Split, normalise


class TrainData(NamedTuple):
    """Images on the device, shared by all candidates of a batch."""

    images: jax.Array
    """[N, H, W, C] float32, normalised."""
    labels: jax.Array
    """[N] int32."""
    soft: jax.Array | None = None
    """[N, K] float32, probabilities that are learnt in place of the labels."""

    def num_images(self) -> int:
        """N, once the shapes are checked.

        Raises:
          ValueError: there are no images.
          AssertionError: images or labels of another rank, or not as many of all.
        """
        chex.assert_rank((self.images, self.labels), (4, 1))
        chex.assert_equal_shape_prefix((self.images, self.labels), 1)
        if self.soft is not None:
            chex.assert_rank(self.soft, 2)
            chex.assert_equal_shape_prefix((self.images, self.soft), 1)
        if not len(self.labels):
            raise ValueError('data has no images')
        return len(self.labels)


def train_data(
    split: Split, dataset: Dataset, soft: np.ndarray | None = None
) -> TrainData:
    """A part of a data set, normalised and on the device.

    Args:
      split: images [N, H, W, C] of any real dtype and labels [N]; a part of `dataset`,
        or images of the same kind.
      dataset: gives the mean and the standard deviation of the training images, which
        every part is normalised with.
      soft: [N, K] what is learnt in place of the labels, if anything is.

    Returns:
      `TrainData`: images [N, H, W, C] float32, labels [N] int32.

    Example:
      >>> digits = load_data(DataSpec('digits'))
      >>> validation = train_data(digits.validation, digits)
      >>> validation.images.shape, validation.images.dtype, validation.num_images()
      ((300, 8, 8, 1), dtype('float32'), 300)
    """
    images = normalise(split.images, dataset.mean, dataset.std)
    return TrainData(jnp.asarray(images), jnp.asarray(split.labels, jnp.int32),
                     None if soft is None else jnp.asarray(soft, jnp.float32))
