"""Coefficients as functions of traced progress."""

import jax
import jax.numpy as jnp

from sparse_jax.model.skeleton import Candidate


def penalty_coefficient(epoch: jax.Array, candidate: Candidate) -> jax.Array:
    """c(t) of loss = CE + c(t) KL / N; `epoch` in units of the table.

    Zero for the zero-regularization epochs; then the final value alpha at once with
    pretraining, else a linear ramp over the annealing epochs (paper table; ramp shape
    as reconstructed).
    """
    since = epoch - candidate.zero_regularization_epochs
    ramp = jnp.clip(since / jnp.maximum(candidate.annealing_epochs, 1e-6), 0.0, 1.0)
    level = jnp.where(candidate.pretraining > 0, 1.0, ramp)
    return jnp.where(since >= 0, candidate.alpha * level, 0.0)


def noise_scale(epoch: jax.Array, candidate: Candidate) -> jax.Array:
    """0 while a pretrained candidate trains deterministically, else 1."""
    pretraining = epoch < candidate.zero_regularization_epochs
    return jnp.where(pretraining, 1.0 - candidate.pretraining, 1.0)


def rate_factor(progress: jax.Array, decay: float) -> jax.Array:
    """Learning-rate factor at `progress` in [0, 1): flat, then linearly to zero."""
    if decay == 0:
        return jnp.ones_like(progress)
    return jnp.minimum(1.0, (1.0 - progress) / decay)
