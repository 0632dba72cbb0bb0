"""Batch norm of batch-minor activations, with the ReLU and the pool after it, as calls
on a CPU.

`normalise` is pure, may be jitted, vmapped, scanned and differentiated once in reverse.
XLA makes some ten kernels of what is one call here; compiling them takes longer than
training a network on few images. float32 only; `direct.supports` tells where it runs.
"""

import functools
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.native import build, calls

CALLS = calls.Family(('normalise', 'normalise_gradient'), build.NORM)
available, targets = CALLS.available, CALLS.targets


class Settings(NamedTuple):
    """What is static in a batch norm."""

    epsilon: float
    """Added to the variance."""
    keep: float
    """Of the running moments, in every step."""
    relu: bool
    """Whether negative outputs are 0."""
    pool: int
    """Side and stride of the windows whose maxima are the result; 1 for none."""


class Moments(NamedTuple):
    """[C] of every map."""

    mean: jax.Array
    var: jax.Array


def normalise(
    x: jax.Array, size: tuple[jax.Array | int, ...], line: tuple[jax.Array, jax.Array],
    running: Moments, settings: Settings,
) -> tuple[jax.Array, Moments]:
    """Batch norm in training, over the true pixels of all images.

    Args:
      x: [C, H, W, B].
      size: true (maps, height, width), [] each; of what lies beyond nothing is read.
      line: [C] (scale, shift) of every map.
      running: moments of earlier batches.

    Returns:
      (normalised maps [C, H // pool, W // pool, B], 0 beyond the true size; running
      moments after this batch).
    """
    whole = jnp.stack([jnp.asarray(side, jnp.int32) for side in size])
    y, mean, var = cast(tuple[jax.Array, ...], _normalise(
        x, whole, *line, *running, settings))
    return y, Moments(mean, var)


@functools.partial(jax.custom_vjp, nondiff_argnums=(6,))
def _normalise(
    x: jax.Array, size: jax.Array, scale: jax.Array, shift: jax.Array, mean: jax.Array,
    var: jax.Array, settings: Settings,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    y, mean, var, _ = _forward_call(x, size, scale, shift, mean, var, settings)
    return y, mean, var


def _forward_call(
    x: jax.Array, size: jax.Array, scale: jax.Array, shift: jax.Array, mean: jax.Array,
    var: jax.Array, settings: Settings,
) -> list[jax.Array]:
    pool, (maps, height, width, batch) = settings.pool, x.shape
    y = jax.ShapeDtypeStruct((maps, height // pool, width // pool, batch), x.dtype)
    saved = jax.ShapeDtypeStruct((2, maps), x.dtype)
    return CALLS.call('normalise', y, mean, var, saved)(
        x, size, scale, shift, mean, var, epsilon=np.float32(settings.epsilon),
        keep=np.float32(settings.keep), relu=settings.relu, pool=np.int64(pool))


def _forward(
    x: jax.Array, size: jax.Array, scale: jax.Array, shift: jax.Array, mean: jax.Array,
    var: jax.Array, settings: Settings,
) -> tuple:
    y, mean, var, saved = _forward_call(x, size, scale, shift, mean, var, settings)
    return (y, mean, var), (x, size, scale, shift, saved)


def _backward(settings: Settings, residuals: tuple, gradients: tuple) -> tuple:
    x, size, scale, shift, saved = residuals
    # Nothing is trained by what the running moments become.
    back = CALLS.call('normalise_gradient', x, scale, shift)(
        x, size, scale, shift, saved, gradients[0],
        epsilon=np.float32(settings.epsilon), relu=settings.relu,
        pool=np.int64(settings.pool))
    return back[0], None, back[1], back[2], None, None


_normalise.defvjp(_forward, _backward)
