"""TFLite's fixed-point arithmetic as JAX functions of 32-bit integers.

Neither floats nor 64-bit integers are used: the 64-bit product of the requantisation
is built from 16-bit halves, as on a Cortex-M0 that has no long multiply.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike


def high_multiply(x: jax.Array, multiplier: ArrayLike | jax.Array) -> jax.Array:
    """(x * multiplier + 2^30) >> 31 in 32 bits; int32 x, 0 <= multiplier < 2^31."""
    multiplier = jnp.asarray(multiplier)
    x_high, x_low = x >> 16, x & 0xFFFF
    m_high, m_low = multiplier >> 16, multiplier & 0xFFFF
    low = x_low.astype(jnp.uint32) * m_low.astype(jnp.uint32)
    middle = x_high * m_low + (low >> 16).astype(jnp.int32)
    cross = x_low * m_high + (middle & 0xFFFF)
    high = x_high * m_high + (middle >> 16) + (cross >> 16)
    low = (cross.astype(jnp.uint32) << 16) | (low & 0xFFFF)
    rounded = low + jnp.uint32(1 << 30)
    high = high + (rounded < low).astype(jnp.int32)
    return (high << 1) | (rounded >> 31).astype(jnp.int32)


def rescale(
    x: jax.Array, multiplier: ArrayLike | jax.Array, shift: np.ndarray | int
) -> jax.Array:
    """MultiplyByQuantizedMultiplier on int32; shifts are host integers."""
    shift = np.asarray(shift)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    x = high_multiply(x << left, multiplier)
    mask = ((np.int64(1) << right) - 1).astype(np.int32)
    threshold = (mask >> 1) + (x < 0)
    return (x >> right) + ((x & mask) > threshold)
