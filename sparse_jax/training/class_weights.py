"""Weights of classes in the loss of a training."""

import jax
import jax.numpy as jnp

from sparse_jax.training.procedure import Procedure


def weights_of(labels: jax.Array, procedure: Procedure) -> jax.Array | None:
    """What the images of every class weigh; None where all weigh the same.

    With `class_weights='balanced'` an image of a class with n of N images weighs
    N / (K n), for the K classes that have images: the mean over all images is 1, and
    every class counts as much as another. Pure.

    Args:
      labels: [N] of all training images.
      procedure: its config says whether classes are weighted.

    Returns:
      [classes] float32, 0 for a class without images.
    """
    if procedure.config.class_weights == 'none':
        return None
    classes = procedure.skeleton.graph.nodes[-1].channels
    counts = jnp.bincount(labels, length=classes)
    share = len(labels) / (counts > 0).sum()
    return jnp.where(counts > 0, share / jnp.maximum(counts, 1), 0.0).astype(
        jnp.float32)
