"""Exact int8 arithmetic on blocks of float64: what the fast emulator is made of.

A block is some images with the batch axis last and contiguous: maps [H, W, C, N],
vectors [F, N], in the order of C, H, W where maps are flattened. Codes, weights and
their sums of products are integers below 2^53, so that products by BLAS are exact. The
multiplier of the rescaling is folded into the weights; its two roundings are then one
`floor`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Block = np.ndarray
Run = Callable[[Sequence[Block]], Block]
"""Codes of a node's inputs -> codes of its output, a new block not yet clamped."""

_EXACT = 2.0**53
_ROWS = 4096
"""Rows x columns of a matrix up to which OpenBLAS multiplies 64 columns on the calling
thread."""
WIDE = 24
"""Times a kernel's width: rows of wider maps are mostly zeros as a matrix, which takes
longer than the k x k products one by one, and more memory than the maps."""
_CALL = 100
"""Products in whose time BLAS is called once."""


class Rounding(NamedTuple):
    """How scaled sums become codes, per channel [O, 1].

    TFLite rounds twice: v = x * multiplier / 2^31 to `high`, halves up, then
    high / 2^r, halves away from zero. That is floor(v / 2^r + 1/2 + e) of positive
    sums and floor(v / 2^r + 1/2 - e) of others, with e = 2^-(r + 1), or 0 if r is 0;
    where float64 is too short for that at once, `high` comes first.
    """

    scale: np.ndarray
    """multiplier / 2^31 * 2^shift, without the right shift where `high` comes first."""
    tie: np.ndarray
    """e."""
    right: np.ndarray | None
    """2^-r where `high` comes first."""

    def codes(self, scaled: Block, start: np.ndarray, zero: int, low: int) -> Block:
        """Scaled sums [..., O, N] -> codes, in place.

        Args:
          scaled: sums of products times `scale`.
          start: [O, 1] what is added to the sums before they are rescaled.
          zero: the code of 0.
          low: what codes are clamped at from below, by the caller.
        """
        start, half = start * self.scale, 0.5 + zero
        if self.right is not None:
            scaled += start + 0.5
            np.floor(scaled, out=scaled)
            scaled *= self.right
            start = np.zeros_like(start)
        if low >= zero or not self.tie.any():
            # Whatever is not positive comes to `zero` or less either way.
            scaled += start + self.tie + half
        else:
            scaled += start
            scaled += np.copysign(self.tie, scaled)
            scaled += half
        return np.floor(scaled, out=scaled)


def rounding(
    multiplier: np.ndarray, shift: np.ndarray, reach: np.ndarray
) -> Rounding | None:
    """The rescaling by multipliers and shifts [O] of sums of magnitudes up to `reach`
    [O]; None where float64 does not hold them exactly."""
    right = np.maximum(-shift.astype(np.float64), 0.0)
    left = np.maximum(shift.astype(np.float64), 0.0)
    # In units of the last place, with the half, the tie and a code on top.
    largest = lambda shifted: reach * multiplier * 2.0**left + 2.0**(shifted + 40)
    if np.any(largest(0.0) >= _EXACT):
        return None
    tie = np.where(right > 0, 2.0**-(right + 1), 0.0)
    if np.any(largest(right) >= _EXACT):
        scale, last = multiplier * 2.0**(left - 31), 2.0**-right[:, None]
    else:
        scale, last = multiplier * 2.0**(left - right - 31), None
    return Rounding(scale[:, None], tie[:, None], last)


def conv_matrix(weight: np.ndarray, stride: int, width: int) -> np.ndarray:
    """Kernels [O, C, k, k] as a matrix [W' * O, k * W * C] that gives one row of the
    output from k rows of an input `width` pixels wide."""
    units, maps, k, _ = weight.shape
    places = (width - k) // stride + 1
    matrix = np.zeros((places, units, k, width, maps))
    taps = weight.transpose(0, 2, 3, 1)
    for place in range(places):
        matrix[place, :, :, place * stride : place * stride + k] = taps
    return matrix.reshape(places * units, k * width * maps)


def depthwise_matrix(weight: np.ndarray, stride: int, width: int) -> np.ndarray:
    """Kernels [C, k, k] as matrices [C, W', k * W] of one row of each map."""
    return np.stack([conv_matrix(kernel[None, None], stride, width)
                     for kernel in weight])


def whole_rows(weight: np.ndarray, width: int, places: int) -> bool:
    """Whether rows by a matrix cost less than pixels one by one, k products each."""
    units, maps, k, _ = weight.shape
    rows = places * units * k * width * maps + _CALL
    pixels = places * k * (units * k * maps + 8 * units + _CALL)
    return rows <= pixels


def rows(x: Block, k: int, stride: int) -> np.ndarray:
    """[H, W, C, N] -> a view [H', k * W * C, N]: the rows that output rows read."""
    height, width, maps, count = x.shape
    high, size = (height - k) // stride + 1, x.strides
    return np.lib.stride_tricks.as_strided(
        x, (high, k * width * maps, count), (stride * size[0], size[2], size[3]),
        writeable=False)


def map_rows(x: Block, k: int, stride: int) -> np.ndarray:
    """[H, W, C, N] -> a view [C, H', k * W, N]: the same of one map after another."""
    height, width, maps, count = x.shape
    high, size = (height - k) // stride + 1, x.strides
    return np.lib.stride_tricks.as_strided(
        x, (maps, high, k * width, count),
        (size[2], stride * size[0], size[1], size[3]), writeable=False)


def pixels(x: Block, line: int, k: int, stride: int, high: int) -> np.ndarray:
    """[H, W, C, N] -> a view [H', W', k * C, N]: one line of the windows."""
    _, width, maps, count = x.shape
    wide, size = (width - k) // stride + 1, x.strides
    return np.lib.stride_tricks.as_strided(
        x[line:], (high, wide, k * maps, count),
        (stride * size[0], stride * size[1], size[2], size[3]), writeable=False)


def multiply(matrix: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    """out [..., M, N] = matrix [..., M, K] @ x [..., K, N], in parts that BLAS does not
    share among threads: workers of a search have a core each."""
    step = max(8, _ROWS // matrix.shape[-1])
    for first in range(0, matrix.shape[-2], step):
        part = slice(first, first + step)
        np.matmul(matrix[..., part, :], x, out=out[..., part, :])


def pooled(x: Block, size: int) -> Block:
    """Maximum of size x size windows side by side."""
    if size == 1:
        return x
    high, wide = x.shape[0] // size, x.shape[1] // size
    parts = [x[i : high * size : size, j : wide * size : size]
             for i in range(size) for j in range(size)]
    best = np.maximum(parts[0], parts[1])
    for part in parts[2:]:
        np.maximum(best, part, out=best)
    return best


def flat(x: Block) -> Block:
    """Maps [H, W, C, N] -> vectors [C * H * W, N]; vectors as they are."""
    if x.ndim == 2:
        return x
    return np.moveaxis(x, 2, 0).reshape(-1, x.shape[-1])


def unpacked(x: Block) -> np.ndarray:
    """A block as int64 [N, C, H, W] or [N, F]."""
    axes = (3, 2, 0, 1) if x.ndim == 4 else (1, 0)
    return x.transpose(axes).astype(np.int64, order='C')


def packed(y: np.ndarray) -> Block:
    """[N, C, H, W] or [N, F] of integers as a block."""
    axes = (2, 3, 1, 0) if y.ndim == 4 else (1, 0)
    return y.transpose(axes).astype(np.float64, order='C')
