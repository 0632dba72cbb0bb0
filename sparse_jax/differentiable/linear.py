"""Weights of one layer of a relaxed network, and what follows its product."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.layers import NORM_EPSILON


class Linear(NamedTuple):
    """Weights of one layer."""

    kernel: jax.Array
    """[O, C, 5, 5], [O, F] of what reads flattened maps; [O, C] of the second half of a
    separable layer, [O, R, 5, 5] of that of one which begins with a 1x1 convolution."""
    bias: jax.Array
    """[O]; the shift of a batch norm."""
    taps: jax.Array | None = None
    """[C, 5, 5] the first half of a separable layer; None of others."""
    scale: jax.Array | None = None
    """[O] of the batch norm; None where there is none."""
    reduce: jax.Array | None = None
    """[R, C] the 1x1 convolution that a layer begins with; None of others."""


def uniform(key: jax.Array, shape: tuple[int, ...], fan_in: int) -> jax.Array:
    """Fresh weights of the variance 2 / fan_in."""
    bound = np.sqrt(6.0 / fan_in)
    return jax.random.uniform(key, shape, jnp.float32, -bound, bound)


def shifted(y: jax.Array, layer: Linear, weights: jax.Array) -> jax.Array:
    """y [O, H, W, B] after the bias or the batch norm of its layer, whose moments have
    these weights [H, W] of pixels."""
    column = lambda values: values[:, None, None, None]
    if layer.scale is None:
        return y + column(layer.bias)
    mean = jnp.einsum('ohwb,hw->o', y, weights) / y.shape[-1]
    square = jnp.einsum('ohwb,hw->o', jnp.square(y), weights) / y.shape[-1]
    variance = jnp.maximum(square - jnp.square(mean), 0.0)
    factor = layer.scale * jax.lax.rsqrt(variance + NORM_EPSILON)
    return y * column(factor) + column(layer.bias - mean * factor)
