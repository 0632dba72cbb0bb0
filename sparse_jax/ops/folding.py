"""A convolution with a stride as one without, of an image whose pixels became maps.

Of stride s, tiles of s x s pixels are folded into s * s maps each. A window of k pixels
that begins at a tile is one of ceil(k / s) tiles, and steps from tile to tile. A kernel
is folded alike; its side is filled up with zeros to whole tiles.
"""

import jax
import jax.numpy as jnp

from sparse_jax.ops import windows
from sparse_jax.ops.node import Node


def tiles(kernel: int, stride: int) -> int:
    """Tiles that a side of a window reaches into."""
    return -(-kernel // stride)


def maps(x: jax.Array, node: Node) -> jax.Array:
    """What the folded kernel of a padded node multiplies.

    Args:
      x: [C, H, W, B].

    Returns:
      [C s s, H' + t - 1, W' + t - 1, B] for H' x W' windows of t x t tiles: pixels that
      no window meets are left out, and zeros are behind the last.
    """
    stride, more = node.stride, tiles(node.kernel, node.stride) - 1
    channels, height, width, batch = x.shape
    rows, columns = (windows.places(side, node.kernel_low, stride) + more
                     for side in (height, width))
    lack = [(0, max(0, stride * count - side))
            for count, side in ((rows, height), (columns, width))]
    x = jnp.pad(x, ((0, 0), *lack, (0, 0)))[:, :stride * rows, :stride * columns]
    x = x.reshape(channels, rows, stride, columns, stride, batch)
    return x.transpose(0, 2, 4, 1, 3, 5).reshape(-1, rows, columns, batch)


def kernel(weights: jax.Array, stride: int) -> jax.Array:
    """[O, C, k, k], or [C, k, k] of one window per map -> [O, C s s, t, t], or
    [C, s s, t, t], of t x t tiles."""
    if weights.ndim == 3:
        weights = weights[:, None]
    outputs, inputs, side, _ = weights.shape
    count = tiles(side, stride)
    lack = (0, stride * count - side)
    weights = jnp.pad(weights, ((0, 0), (0, 0), lack, lack))
    weights = weights.reshape(outputs, inputs, count, stride, count, stride)
    return weights.transpose(0, 1, 3, 5, 2, 4).reshape(outputs, -1, count, count)
