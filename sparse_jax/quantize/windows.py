"""Windows of feature maps [N, C, H, W], for NumPy and for JAX."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

Array = TypeVar('Array', np.ndarray, jax.Array)


def views(x: jax.Array, k: int, stride: int) -> jax.Array:
    """The k * k shifted views of the maps, [N, C, k * k, H', W'].

    Sums of products over them are dots: integer convolutions are not available on every
    backend.
    """
    h, w = x.shape[2] - k + 1, x.shape[3] - k + 1
    return jnp.stack([x[:, :, i : i + h : stride, j : j + w : stride]
                      for i in range(k) for j in range(k)], axis=2)


def tiles(x: Array, height: int, width: int) -> Array:
    """Windows side by side, VALID: [N, C, H // height, height, W // width, width]."""
    n, c, h, w = x.shape
    h, w = h // height, w // width
    x = x[:, :, : h * height, : w * width]
    return x.reshape(n, c, h, height, w, width)


def centre(x: Array, height: int, width: int) -> Array:
    """The middle of the maps; of an odd difference the bottom and right lose more."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


def average(x: Array, height: int, width: int) -> Array:
    """Means of integers over windows side by side, halves away from zero."""
    total: Any = tiles(x, height, width).sum(axis=(3, 5))
    size = (abs(total) + height * width // 2) // (height * width)
    return size * ((total > 0) * 1 - (total < 0) * 1)


def downsampled(x: Array, rate: int, kind: str) -> Array:
    """Signed pixel codes [N, C, H, W] after the down-sampling of the input."""
    if rate > 1 and kind == 'average':
        return average(x, rate, rate)
    return max_pool(x, rate)


def max_pool(x: Array, size: int) -> Array:
    """Maximum of size x size windows side by side."""
    if size == 1:
        return x
    pooled: Any = tiles(x, size, size).max(axis=(3, 5))
    return pooled
