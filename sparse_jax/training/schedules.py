"""Coefficients as functions of traced progress."""

import jax
import jax.numpy as jnp

from sparse_jax.model.skeleton import Candidate
from sparse_jax.train_config import TrainConfig

_PIECES = 4096
"""Of a run whose mean rate is summed."""
FRESH_NATS = 4.0
"""KL of one weight before training, about, under either Bayesian method."""


def with_price(candidate: Candidate, valid: dict, num_images: int) -> Candidate:
    """The candidate with its share of the KL as a coefficient per nat and image.

    At alpha = share * N g / (4 W), the W weights of a fresh network cost the share
    `kl_share` of the N g nats that a network explaining g nats of a label knows of N
    of them. `explained_alpha` multiplies by g, which only the training knows.

    Args:
      candidate: its `kl_share` is a share; in the result it is multiplied by N / (4 W).
      valid: masks of the weights that exist, {node: {'kernel', ...}}.
      num_images: N of the training.
    """
    weights = sum(leaves['kernel'].sum() for leaves in valid.values())
    weights = jnp.maximum(jnp.asarray(weights), 1).astype(jnp.float32)
    return candidate._replace(
        kl_share=candidate.kl_share * (num_images / (FRESH_NATS * weights)))


def explained_alpha(
    candidate: Candidate, explained: jax.Array | float
) -> jax.Array:
    """Alpha of a candidate of `with_price` while its network explains so many nats of a
    label.

    What the network does not know cannot pay for weights: as pruning begins to hurt,
    its price falls, so that no share empties a network that has learnt something.
    """
    return candidate.alpha + candidate.kl_share * jnp.maximum(explained, 0.0)


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


def rate_factor(
    progress: jax.Array, decay: float, shape: str = 'linear'
) -> jax.Array:
    """Learning-rate factor at `progress` in [0, 1): flat, then down to zero.

    decay: share of the run over which it falls, at its end.
    shape: of the fall, 'linear' or 'cosine'.
    """
    if decay == 0:
        return jnp.ones_like(progress)
    left = jnp.minimum(1.0, (1.0 - progress) / decay)
    return left if shape == 'linear' else 0.5 - 0.5 * jnp.cos(jnp.pi * left)


def warmup_factor(done: jax.Array, warmup: float) -> jax.Array:
    """Learning-rate factor of a step after which the share `done` of the run is done:
    in equal steps from almost zero to 1 over the share `warmup`."""
    if warmup == 0:
        return jnp.ones_like(done)
    return jnp.minimum(1.0, done / warmup)


def per_step(travel: float, total: jax.Array | int, config: TrainConfig) -> jax.Array:
    """The rate that, times the factors of a run, adds up to `travel`.

    total: steps of the run. The factors have the mean 1 - (decay + warm-up) / 2 under
    either shape, where the rate falls after the warm-up.
    """
    mean = 1.0 - 0.5 * (config.decay + config.warmup)
    if config.decay + config.warmup > 1.0:
        done = (jnp.arange(_PIECES) + 0.5) / _PIECES
        mean = (rate_factor(done, config.decay, config.schedule)
                * warmup_factor(done, config.warmup)).mean()
    return travel / (mean * jnp.asarray(total, jnp.float32))
