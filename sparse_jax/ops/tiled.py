"""Convolutions as matrix products of tiles, not of windows: for accelerators.

A tile of a x b outputs reads (a + k - 1) x (b + k - 1) pixels. Its outputs, of all
maps, are one product of those pixels with a matrix that holds the kernel once for each
output and zeros elsewhere. Neighbouring windows share what they read, so that far fewer
copies are moved than with windows, and the product is as wide as matrix units want it,
however few the maps; most of what it multiplies is zero. Everything is linear and JAX
differentiates it; under `jax.vmap` the products of all candidates are one.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.ops.lowering import padded
from sparse_jax.ops.product import operand, sums

LARGEST = 8
"""Rows and columns of a tile at most."""
RATE = [60]
"""Operations of a product that cost as much as one byte that is moved."""
_PASSES, _PASSES_KERNEL = 5, 6
"""How often a training step writes or reads the pixels of all tiles, and the matrix."""
_IMAGES = 128
"""A batch, for which tiles are chosen."""


class Tile(NamedTuple):
    """Outputs of one product, and how many tiles an image has."""

    rows: int
    columns: int
    down: int
    across: int


def product(x: jax.Array, kernel: jax.Array, low: int) -> jax.Array:
    """Convolution of stride 1.

    Args:
      x: [C, H, W, B]; its type is that of the products, sums are float32.
      kernel: [O, C, k, k], or [C, k, k] of a depthwise convolution.
      low: the window's smallest true size, as for `lowering.conv_view`.

    Returns:
      [O, H - low + 1, W - low + 1, B], float32.
    """
    x, tile = _prepared(x, kernel, low)
    return _product(_pixels(x, kernel.shape[-1], tile), kernel, tile)[
        :, :x.shape[1] - kernel.shape[-1] + 1, :x.shape[2] - kernel.shape[-1] + 1]


def both_products(
    x: jax.Array, mean: jax.Array, variance: jax.Array, low: int
) -> tuple[jax.Array, jax.Array]:
    """Of x with the means and of its squares with the variances.

    Args, Returns: as for `product`, twice.
    """
    # Squares before they are copied: the way back adds up copies, then multiplies.
    return product(x, mean, low), product(jnp.square(x), variance, low)


def choose(
    outputs: int, inputs: int, side: int, height: int, width: int, rate=None,
) -> Tile:
    """The tile whose training step should take the least time.

    Args:
      outputs, inputs: maps; 1 and 1 of each group of a depthwise convolution.
      side: of the window.
      height, width: of the results.
    """
    def cost(tile: Tile) -> float:
        read = (tile.rows + side - 1) * (tile.columns + side - 1) * inputs
        written = tile.rows * tile.columns * outputs
        tiles = _IMAGES * tile.down * tile.across
        moved = 4 * (tiles * (_PASSES * read + 3 * written)
                     + _PASSES_KERNEL * read * written)
        return moved + 6 * tiles * read * written / (rate or RATE[0])

    sides = range(max(1, side - 1), max(LARGEST, side) + 1)
    tiles = (Tile(a, b, -(-height // a), -(-width // b)) for a in sides for b in sides)
    return min(tiles, key=cost)


def _prepared(x: jax.Array, kernel: jax.Array, low: int) -> tuple[jax.Array, Tile]:
    """x, padded for windows of all of `kernel`, and its tile."""
    side = kernel.shape[-1]
    x = padded(x, side - low)
    outputs, inputs = kernel.shape[:2] if kernel.ndim == 4 else (1, 1)
    return x, choose(outputs, inputs, side, x.shape[1] - side + 1,
                     x.shape[2] - side + 1)


def _pixels(x: jax.Array, side: int, tile: Tile) -> jax.Array:
    """[C, H, W, B] -> [C, a + k - 1, b + k - 1, down, across, B] that tiles read.

    A tile and its first neighbours' first pixels: two pieces each way, whatever k is.
    """
    more = side - 1
    lack = [(0, (count + 1) * step - have) for count, step, have in (
        (tile.down, tile.rows, x.shape[1]), (tile.across, tile.columns, x.shape[2]))]
    x = jnp.pad(x, ((0, 0), *lack, (0, 0)))
    x = x.reshape(x.shape[0], tile.down + 1, tile.rows, tile.across + 1, tile.columns,
                  x.shape[-1])
    x = jnp.concatenate([x[:, :-1], x[:, 1:, :more]], 2)
    x = jnp.concatenate([x[:, :, :, :-1], x[:, :, :, 1:, :more]], 4)
    return x.transpose(0, 2, 4, 1, 3, 5)


def _product(pixels: jax.Array, kernel: jax.Array, tile: Tile) -> jax.Array:
    """Of `_pixels` with a kernel -> [O, down a, across b, B]."""
    if kernel.ndim == 3:
        each = jax.vmap(lambda p, k: _product(p[None], k[None, None], tile)[0])
        return each(pixels, kernel)
    read = math.prod(pixels.shape[:3])
    y = _multiply(_matrix(kernel, tile).reshape(-1, read), pixels.reshape(read, -1))
    y = y.reshape(-1, tile.rows, tile.columns, *pixels.shape[3:])
    y = y.transpose(0, 3, 1, 4, 2, 5)
    return y.reshape(len(y), tile.down * tile.rows, tile.across * tile.columns, -1)


def _matrix(kernel: jax.Array, tile: Tile) -> jax.Array:
    """[O, C, k, k] -> [O, a, b, C, a + k - 1, b + k - 1]: the kernel at every place."""
    placed = _places(_places(kernel, tile.rows, 2), tile.columns, 4)
    return placed.transpose(0, 2, 4, 1, 3, 5)


def _places(kernel: jax.Array, count: int, axis: int) -> jax.Array:
    """One axis of k -> [count, count + k - 1], where row i begins with i zeros.

    Rows that are one longer are laid behind one another and cut again: each cut begins
    one place earlier in its row.
    """
    before, side, behind = (
        kernel.shape[:axis], kernel.shape[axis], kernel.shape[axis + 1:])
    length = count + side - 1
    flat = kernel.reshape(*before, 1, side, -1)
    flat = jnp.pad(flat, ((0, 0),) * axis + ((0, 0), (0, length + 1 - side), (0, 0)))
    flat = jnp.broadcast_to(flat, (*before, count, *flat.shape[-2:]))
    flat = flat.reshape(*before, count * (length + 1), -1)
    flat = jax.lax.slice_in_dim(flat, 0, count * length, axis=axis)
    return flat.reshape(*before, count, length, *behind)


@jax.custom_vjp
def _multiply(matrix: jax.Array, pixels: jax.Array) -> jax.Array:
    """[O, K] @ [K, N] -> [O, N], float32; differentiated once in reverse. What goes
    back to the pixels is written in their type: no float32 copy of all of them."""
    return _dot(operand(matrix, pixels), pixels, sums(matrix, pixels))


def _forward(matrix: jax.Array, pixels: jax.Array) -> tuple:
    return _multiply(matrix, pixels), (matrix, pixels)


def _backward(operands: tuple, gradient: jax.Array) -> tuple:
    matrix, pixels = operands
    gradient = operand(gradient, pixels)
    return (_dot(gradient, pixels.T, matrix.dtype),
            _dot(operand(matrix, pixels).T, gradient, pixels.dtype))


def _dot(left: jax.Array, right: jax.Array, kind: jax.typing.DTypeLike) -> jax.Array:
    return jnp.matmul(left, right, preferred_element_type=kind)


_multiply.defvjp(_forward, _backward)
