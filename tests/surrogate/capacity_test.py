"""Capacity tiers and padding."""

import numpy as np
import pytest

from sparse_jax.surrogate import capacity


def test_tiers_hold_what_they_say():
    assert [capacity.tier(n, (16, 32)) for n in (0, 16, 17, 32, 33, 200)] == [
        16, 16, 32, 32, 64, 256]


def test_padding_keeps_rows_and_type():
    rows = np.arange(6).reshape(3, 2)
    padded = capacity.pad(rows, 5, -1)
    np.testing.assert_array_equal(padded[:3], rows)
    assert (padded[3:] == -1).all() and padded.dtype == rows.dtype
    with pytest.raises(ValueError, match='do not fit'):
        capacity.pad(rows, 2)
