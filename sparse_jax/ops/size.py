"""True sizes of tensors that may be padded, as traced values, and their masks."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.ops.arrays import library_of


class Size(NamedTuple):
    """True size of one tensor: feature map, or vector with height = width = 1.

    Height and width are Python integers where all candidates share them.
    """

    channels: jax.Array
    height: jax.Array | int
    width: jax.Array | int

    @property
    def elements(self) -> jax.Array:
        """Number of true elements."""
        return self.channels * self.height * self.width


def divided(n: jax.Array | int, by: int) -> jax.Array | int:
    """n // by; sizes are positive, which spares a traced one the sign checks."""
    return n // by if library_of(n) is np else jax.lax.div(n, jnp.int32(by))


def channel_mask(size: Size, shape: tuple[int, ...]) -> jax.Array:
    """[C] bool: maps or units of a padded tensor that are true."""
    return library_of(size.channels).arange(shape[0]) < size.channels


def spatial_mask(size: Size, shape: tuple[int, ...]) -> jax.Array:
    """[1, H, W, 1] bool: pixels of a padded map that are true."""
    rows = jnp.arange(shape[1]) < size.height
    columns = jnp.arange(shape[2]) < size.width
    return (rows[:, None] & columns[None, :])[None, :, :, None]


def element_mask(size: Size, shape: tuple[int, ...]) -> jax.Array:
    """Flat bool mask of the true elements of a padded tensor, in (C, H, W) order."""
    channels = channel_mask(size, shape)
    if len(shape) == 1:
        return channels
    arange = library_of(*size).arange
    rows, columns = arange(shape[1]) < size.height, arange(shape[2]) < size.width
    return (channels[:, None, None] & rows[:, None] & columns).ravel()
