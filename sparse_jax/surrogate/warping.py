"""Objectives into model units: optional logarithm, then zero mean and unit variance."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.types import Array


class Warp(NamedTuple):
    """An invertible, increasing map per objective."""

    log: Array
    """[K] bool: take the logarithm first."""
    floor: Array
    """[K] smallest value the logarithm sees; below it the objective is cut off."""
    shift: Array
    """[K]"""
    scale: Array
    """[K] positive."""


def fit(y: Array, valid: Array, log: Array) -> Warp:
    """Moments of y [K, N] over its valid [K, N] entries; log [K] bool.

    The floor is half the smallest positive observation, so that a size or an error
    of exactly zero stays in line with its neighbours instead of at minus infinity.
    """
    positive = valid & (y > 0)
    smallest = jnp.min(jnp.where(positive, y, jnp.inf), 1)
    floor = jnp.where(jnp.isfinite(smallest), 0.5 * smallest, 1.0)
    z = _log(y, floor, log)
    count = jnp.maximum(valid.sum(1), 1)
    shift = jnp.where(valid, z, 0.0).sum(1) / count
    spread = jnp.where(valid, (z - shift[:, None]) ** 2, 0.0).sum(1) / count
    # A constant objective keeps unit scale: its model is then flat, not undefined.
    constant = spread <= (1e-9 * (1.0 + jnp.abs(shift))) ** 2
    return Warp(log, floor, shift, jnp.where(constant, 1.0, jnp.sqrt(spread)))


def forward(warp: Warp, y: Array) -> Array:
    """y [.., K, Q] -> model units."""
    return (_log(y, warp.floor, warp.log) - warp.shift[:, None]) / warp.scale[:, None]


def inverse(warp: Warp, z: Array) -> Array:
    """Model units [.., K, Q] -> the objectives' own units."""
    z = z * warp.scale[:, None] + warp.shift[:, None]
    # The cut keeps a wild posterior draw finite; it is far outside any objective.
    return jnp.where(warp.log[:, None], jnp.exp(jnp.minimum(z, 80.0)), z)


def _log(y: Array, floor: Array, log: Array) -> jax.Array:
    # The inner where keeps the unused branch free of infinities (and of their
    # gradients).
    cut = jnp.maximum(jnp.where(log[:, None], y, 1.0), floor[:, None])
    cut = jnp.where(log[:, None], cut, 1.0)
    return jnp.where(log[:, None], jnp.log(cut), y)
