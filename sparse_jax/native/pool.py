"""Maxima over windows of batch-minor activations, after a ReLU or not, as calls on
a CPU.

`max_pool` is pure, may be jitted, vmapped, scanned and differentiated once in reverse.
XLA compares every pixel with the rest of its window four times on the way back. float32
only; `direct.supports` tells where it runs.
"""

import functools

import jax
import numpy as np

from sparse_jax.native import build, calls

CALLS = calls.Family(('max_pool', 'max_pool_gradient'), build.POOL)
available, targets = CALLS.available, CALLS.targets


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def max_pool(x: jax.Array, size: int, relu: bool) -> jax.Array:
    """size x size / size VALID maximum.

    Equal maxima share what reaches them as with `jnp.maximum`, taken row by row. Of
    finite numbers the result is that of `lowering.max_pool` but for the sign of zeros;
    where a pixel is NaN the maximum is, too, and its window's gradient means nothing.

    Args:
      x: [C, H, W, B].
      size: side and stride of the windows.
      relu: whether negative pixels count as 0.

    Returns:
      [C, H // size, W // size, B].
    """
    channels, height, width, batch = x.shape
    y = jax.ShapeDtypeStruct(
        (channels, height // size, width // size, batch), x.dtype)
    return CALLS.call('max_pool', y)(x, relu=relu, pool=np.int64(size))


def _forward(x: jax.Array, size: int, relu: bool) -> tuple[jax.Array, jax.Array]:
    return max_pool(x, size, relu), x


def _backward(
    size: int, relu: bool, x: jax.Array, gradient: jax.Array
) -> tuple[jax.Array]:
    return (CALLS.call('max_pool_gradient', x)(
        x, gradient, relu=relu, pool=np.int64(size)),)


max_pool.defvjp(_forward, _backward)
