"""TFLite's integer arithmetic against its definition in exact Python integers."""

import jax
import numpy as np
import pytest

from sparse_jax.quantize import fixed_point_jax
from sparse_jax.quantize.fixed_point import (
    high_multiply,
    quantize_multiplier,
    rescale,
    rounding_shift_right,
)

INT32 = [0, 1, -1, 2**30, -(2**30), 2**31 - 1, -(2**31) + 1, 65535, -65536, 12345]


def _gemmlowp_high_multiply(a, b):
    """The published definition: signed nudge, then division truncated to zero."""
    product = a * b
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    total = product + nudge
    return abs(total) // 2**31 * (1 if total >= 0 else -1)


@pytest.fixture(scope='module')
def pairs():
    rng = np.random.default_rng(0)
    x = np.r_[INT32, rng.integers(-(2**31) + 1, 2**31, 3000)]
    # Odd multiples of 2^30 over powers of two hit the exact halves.
    halves = rng.integers(-500, 500, 500) * 2 + 1
    x = np.r_[x, halves]
    m = np.r_[rng.integers(2**30, 2**31, len(x) - 500), np.full(500, 2**30)]
    return x.astype(np.int64), m.astype(np.int64)


def test_high_multiply_is_gemmlowp(pairs):
    x, m = pairs
    expected = [_gemmlowp_high_multiply(int(a), int(b)) for a, b in zip(x, m)]
    np.testing.assert_array_equal(high_multiply(x, m), expected)


def test_jax_high_multiply_needs_no_64_bits(pairs):
    x, m = pairs
    y = jax.jit(fixed_point_jax.high_multiply)(x.astype(np.int32), m.astype(np.int32))
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, high_multiply(x, m))


def test_jax_rescale_equals_numpy(pairs):
    x, m = pairs
    for shift in (-31, -20, -7, -1, 0, 3):
        x_small = x >> max(shift, 0) + 1
        y = fixed_point_jax.rescale(x_small.astype(np.int32), m.astype(np.int32),
                                    np.int32(shift))
        np.testing.assert_array_equal(y, rescale(x_small, m, shift))


def test_rounding_shift_takes_halves_away_from_zero():
    np.testing.assert_array_equal(
        rounding_shift_right(np.array([5, -5, 6, -6, 7, -7, 1, -1]), 2),
        [1, -1, 2, -2, 2, -2, 0, 0])


@pytest.mark.parametrize('real', [1e-12, 3e-5, 0.1, 0.5, 0.99999999999, 1.0, 37.2])
def test_multiplier_is_close_to_the_real_number(real):
    fixed, shift = quantize_multiplier(real)
    assert fixed == 0 and real < 2.0**-31 or 2**30 <= fixed < 2**31
    assert abs(fixed / 2.0**31 * 2.0**shift - real) <= max(real * 2.0**-30, 2.0**-31)
