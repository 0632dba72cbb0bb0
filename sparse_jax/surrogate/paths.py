"""Draws of whole posterior functions by pathwise conditioning (Wilson et al. 2020).

A draw is a prior function, here by random Fourier features, plus the correction
that makes it pass through the data. It can be evaluated anywhere, at any time, and
stays one and the same function, which is what optimising a Thompson sample needs.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.types import Array, PRNGKey

DEGREES = 5.0
"""The spectral measure of Matern-5/2 is a Student t with 5 degrees of freedom."""


class Paths(NamedTuple):
    """S draws for one objective."""

    frequency: Array
    """[M, F]"""
    weight: Array
    """[S, 2 M], cosines first."""
    update: Array
    """[N, S] coefficients of the kernel functions at the data."""


def features(embedded: Array, frequency: Array, variance: Array) -> Array:
    """embedded [Q, F] -> [Q, 2 M] with features @ features.T close to the kernel."""
    phase = embedded @ frequency.T
    scale = jnp.sqrt(variance / frequency.shape[0])
    return scale * jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], -1)


def draw(
    key: PRNGKey, embedded: Array, variance: Array, noise: Array, residual: Array,
    solve: Callable[[Array], Array], *, size: tuple[int, int],
) -> Paths:
    """Draws conditioned on residual [N] at embedded [N, F].

    noise [N] is the variance of each row (rows that are empty take no part: their
    kernel function is zero), solve applies the inverse of the noisy covariance, size
    is (S draws, M frequencies).
    """
    key_t, key_z, key_w, key_noise = jax.random.split(key, 4)
    num, count = size
    dtype = embedded.dtype
    spread = jax.random.gamma(key_t, DEGREES / 2.0, (count, 1), dtype) / (DEGREES / 2.0)
    normal = jax.random.normal(key_z, (count, embedded.shape[1]), dtype)
    frequency = normal / jnp.sqrt(spread)
    weight = jax.random.normal(key_w, (num, 2 * count), dtype)
    prior = features(embedded, frequency, variance) @ weight.T
    seen = prior + jnp.sqrt(noise)[:, None] * jax.random.normal(
        key_noise, prior.shape, dtype)
    return Paths(frequency, weight, solve(residual[:, None] - seen))


def evaluate(paths: Paths, embedded: Array, variance: Array, cross: Array) -> Array:
    """Values without the mean, [S, Q]; cross [Q, N] is the kernel against the data."""
    prior = features(embedded, paths.frequency, variance) @ paths.weight.T
    return (prior + cross @ paths.update).T
