"""What changes in the course of a search by gradient, as functions of its share."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Schedule(NamedTuple):
    """Shares of a run, and what its parts have; hashable, static."""

    warmup: float = 0.12
    """Of the steps: weights alone are trained, every choice as likely."""
    ramp: float = 0.35
    """Of the steps after these: the penalty rises linearly from 0."""
    fixed: float = 0.2
    """Of the steps, at the end: the likeliest choices are held."""
    hottest: float = 5.0
    coldest: float = 0.2
    """Temperatures of the draws after the warm-up and before the choices are held;
    geometric in between."""
    penalty: float = 2.0
    """Nats of cross-entropy that a cost e times over its budget weighs."""
    travel: float = 8.0
    """How far a logit can move: the sum of its rates."""


def temperature(share: jax.Array, schedule: Schedule) -> jax.Array:
    """Temperature of the draws, [] for [] share of the run."""
    way = _between(share, schedule.warmup, 1.0 - schedule.fixed)
    return schedule.hottest * (schedule.coldest / schedule.hottest) ** way


def penalty(share: jax.Array, schedule: Schedule) -> jax.Array:
    """Weight of the costs over their budgets."""
    return schedule.penalty * _between(
        share, schedule.warmup, schedule.warmup + schedule.ramp)


def is_fixed(share: jax.Array, schedule: Schedule) -> jax.Array:
    """Whether the choices are held."""
    return share >= 1.0 - schedule.fixed


def logit_rate(share: jax.Array, schedule: Schedule, steps: int) -> jax.Array:
    """Learning rate of the decisions; 0 while they are not trained."""
    moving = (share >= schedule.warmup) & ~is_fixed(share, schedule)
    number = max(1.0, steps * (1.0 - schedule.warmup - schedule.fixed))
    return jnp.where(moving, schedule.travel / number, 0.0)


def weight_factor(share: jax.Array) -> jax.Array:
    """What the learning rate of the weights is multiplied by: 1, then half a cosine
    over the last half."""
    return 0.5 * (1.0 + jnp.cos(np.pi * _between(share, 0.5, 1.0)))


def _between(share: jax.Array, start: float, end: float) -> jax.Array:
    """How much of start to end has passed, 0 to 1."""
    return jnp.clip((share - start) / max(end - start, 1e-6), 0.0, 1.0)
