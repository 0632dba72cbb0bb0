"""Convolutions as matrix products of tiles, not of windows: for GPUs.

A tile of a x b outputs reads (a + k - 1) x (b + k - 1) pixels. Its outputs, of all
maps, are one product of those pixels with a matrix that holds the kernel once for each
output and zeros elsewhere. Neighbouring outputs share what they read, so that far fewer
copies are moved than with windows, and the product is as wide as matrix units want it,
however few the maps; most of what is multiplied is zero. Under `jax.vmap` the products
of all candidates are one.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.ops.lowering import padded
from sparse_jax.ops.product import operand, sums

LARGEST = 8
"""Rows and columns of a tile at most."""
RATE = 240
"""Operations of a product that cost as much as a byte that is moved. Of 20, 60, 120,
240 and 500 the last two were alike and the fastest on an H200: smaller tiles make
products of few rows, which XLA splits along what they sum over, and copies for that."""
_PASSES = 5, 3, 6
"""How often a training step writes or reads pixels, results and the matrix."""
_IMAGES = 128
"""The batch for which tiles are chosen."""


class Tile(NamedTuple):
    """Results of one product, and how many tiles an image has."""

    rows: int
    columns: int
    down: int
    across: int

    def read(self, side: int) -> int:
        """Pixels of one map that a tile reads; side: of the window."""
        return (self.rows + side - 1) * (self.columns + side - 1)


def product(x: jax.Array, kernel: jax.Array, low: int) -> jax.Array:
    """Convolution of stride 1 of x [C, H, W, B] with [O, C, k, k], or [C, k, k], and
    windows of `low` pixels at least -> [O, H - low + 1, W - low + 1, B], float32; as
    `grouped.product`."""
    side = kernel.shape[-1]
    x = padded(x, side - low)
    height, width = (have - side + 1 for have in x.shape[1:3])
    outputs, inputs = kernel.shape[:2] if kernel.ndim == 4 else (1, 1)
    tile = choose(outputs, inputs, side, height, width)
    return _product(_pixels(x, side, tile), kernel, tile)[:, :height, :width]


def both_products(
    x: jax.Array, mean: jax.Array, variance: jax.Array, low: int
) -> tuple[jax.Array, jax.Array]:
    """Of x with the means and of its squares with the variances.

    Args, Returns: as for `grouped.both_products`.
    """
    # Squares are made before copies: the way back adds up copies, then multiplies.
    return product(x, mean, low), product(jnp.square(x), variance, low)


def choose(outputs: int, inputs: int, side: int, height: int, width: int) -> Tile:
    """The tile whose training step should take the least time.

    Args:
      outputs, inputs: maps; 1 and 1 of a depthwise convolution.
      side: of the window.
      height, width: of the results.
    """
    def cost(tile: Tile) -> float:
        tiles = _IMAGES * tile.down * tile.across
        read, written = inputs * tile.read(side), outputs * tile.rows * tile.columns
        moved = np.dot(_PASSES, (tiles * read, tiles * written, read * written))
        return 4 * moved + 6 * tiles * read * written / RATE

    # A tile reads into no other but the next one.
    sides = range(max(1, side - 1), max(LARGEST, side) + 1)
    tiles = (Tile(a, b, -(-height // a), -(-width // b)) for a in sides for b in sides)
    return min(tiles, key=cost)


def elements_read(
    image: tuple[int, ...], result: tuple[int, ...], side: int
) -> int:
    """Pixels that the tiles of one image read, each as often as it is copied.

    Args:
      image, result: [C, H, W] and [O, H', W'].
      side: of the window.
    """
    tile = choose(result[0], image[0], side, *result[1:])
    return image[0] * tile.read(side) * tile.down * tile.across


def elements_made(
    image: tuple[int, ...], result: tuple[int, ...], side: int
) -> int:
    """Of the matrix that a kernel becomes; arguments as for `elements_read`."""
    tile = choose(result[0], image[0], side, *result[1:])
    return result[0] * tile.rows * tile.columns * image[0] * tile.read(side)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _pixels(x: jax.Array, side: int, tile: Tile) -> jax.Array:
    """[C, H, W, B] -> [C, a + k - 1, b + k - 1, down, across, B] that tiles read.

    A gather: XLA writes it in one pass, and that of squares in the same one.
    """
    lack = [(0, max(0, count * step + side - 1 - have)) for count, step, have in (
        (tile.down, tile.rows, x.shape[1]), (tile.across, tile.columns, x.shape[2]))]
    x = jnp.pad(x, ((0, 0), *lack, (0, 0)))
    rows, columns = (
        np.arange(step + side - 1)[:, None] + step * np.arange(count)
        for count, step in ((tile.down, tile.rows), (tile.across, tile.columns)))
    places = x.at[:, rows[:, None, :, None], columns[None, :, None, :]]
    return places.get(mode='promise_in_bounds')


def _pixels_forward(
    x: jax.Array, side: int, tile: Tile
) -> tuple[jax.Array, jax.Array]:
    # Of x nothing but its size is needed.
    return _pixels(x, side, tile), jnp.zeros((0, *x.shape[1:3], 0))


def _pixels_backward(
    side: int, tile: Tile, empty: jax.Array, gradient: jax.Array
) -> tuple[jax.Array]:
    """A pixel is one of its own tile and, in its first k - 1 rows and columns, one of
    the tiles before it: four terms, whatever k is, where a gather's gradient would add
    in no fixed order."""
    parts = [(slice(None, step), slice(step, None))
             for step in (tile.rows, tile.columns)]
    total = jnp.zeros((), gradient.dtype)
    for i, j in np.ndindex(2, 2):
        margins = [(0, 0), (0, i * (tile.rows - side + 1)),
                   (0, j * (tile.columns - side + 1)), (i, 1 - i), (j, 1 - j), (0, 0)]
        total += jnp.pad(gradient[:, parts[0][i], parts[1][j]], margins)
    total = total.transpose(0, 3, 1, 4, 2, 5).reshape(
        len(gradient), (tile.down + 1) * tile.rows, (tile.across + 1) * tile.columns,
        -1)
    height, width = empty.shape[1:3]
    lack = [(0, max(0, have - now))
            for have, now in zip((height, width), total.shape[1:3])]
    return jnp.pad(total, ((0, 0), *lack, (0, 0)))[:, :height, :width],


_pixels.defvjp(_pixels_forward, _pixels_backward)


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


def _forward(
    matrix: jax.Array, pixels: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _multiply(matrix, pixels), (matrix, pixels)


def _backward(
    operands: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    matrix, pixels = operands
    gradient = operand(gradient, pixels)
    return (_dot(gradient, pixels.T, matrix.dtype),
            _dot(operand(matrix, pixels).T, gradient, pixels.dtype))


def _dot(left: jax.Array, right: jax.Array, kind: jax.typing.DTypeLike) -> jax.Array:
    return jnp.matmul(left, right, preferred_element_type=kind)


_multiply.defvjp(_forward, _backward)
