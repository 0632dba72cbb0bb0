"""TFLite's fixed-point arithmetic on NumPy integers: the reference for every backend.

A real multiplier M is stored as an int32 `multiplier` in [2^30, 2^31) and a `shift`,
M = multiplier / 2^31 * 2^shift. It is applied with two roundings, as in the TFLite
reference kernels (gemmlowp): a rounding doubling high multiply, then a rounding shift.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from sparse_jax.quantize.quantized import UnfitNetworkError


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A non-negative real multiplier as (int32 multiplier, shift)."""
    if real <= 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    fixed = math.floor(fraction * 2.0**31 + 0.5)
    if fixed == 2**31:
        fixed, shift = fixed // 2, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        raise UnfitNetworkError(f'a multiplier of {real:g} does not fit 30 bits')
    return fixed, shift


def quantize_multipliers(reals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[O] real multipliers -> ([O] int32 multipliers, [O] int32 shifts)."""
    pairs = [quantize_multiplier(float(r)) for r in np.ravel(reals)]
    multiplier, shift = np.array(pairs, np.int64).reshape(-1, 2).T
    return multiplier.astype(np.int32), shift.astype(np.int32)


def high_multiply(x: ArrayLike, multiplier: np.ndarray) -> np.ndarray:
    """SaturatingRoundingDoublingHighMul for multiplier >= 0: (2 x m + 2^31) >> 32.

    With a non-negative multiplier nothing saturates, and TFLite's truncating
    division with a signed nudge equals this floor.
    """
    return (np.asarray(x, np.int64) * multiplier + (1 << 30)) >> 31


def rounding_shift_right(x: ArrayLike, exponent: ArrayLike) -> np.ndarray:
    """RoundingDivideByPOT: x / 2^exponent, halves away from zero; int64."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def rescale(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """MultiplyByQuantizedMultiplier; multiplier and shift broadcast against x."""
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    return rounding_shift_right(high_multiply(np.asarray(x, np.int64) << left,
                                              np.asarray(multiplier, np.int64)), right)
