"""Medians of step curves, computed by hand."""

import numpy as np

from sparse_jax.comparison.bands import Curve, at, band


def _curve(x, y):
    return Curve(np.array(x, float), np.array(y, float))


def test_a_value_holds_until_the_next_place():
    curve = _curve([1, 3, 3.5], [10, 20, 30])
    assert at(curve, np.array([1, 2.9, 3, 3.2, 3.5, 9])).tolist() == [
        10, 10, 20, 20, 30, 30]


def test_the_median_is_taken_where_all_have_a_value():
    found = band([_curve([1, 4, 8], [1, 2, 3]), _curve([2, 5, 7], [0, 4, 5]),
                  _curve([1, 6, 9], [2, 6, 7])])
    assert found.x.tolist() == [2, 4, 5, 6, 7, 8, 9]
    assert found.median.tolist() == [1, 2, 2, 4, 5, 5, 5]
    assert found.least.tolist() == [0, 0, 2, 2, 2, 3, 3]
    assert found.most.tolist() == [2, 2, 4, 6, 6, 6, 7]


def test_one_curve_and_none():
    one = _curve([1, 2], [3, 5])
    assert [part.tolist() for part in band([one])] == [[1, 2], *[[3, 5]] * 3]
    assert not len(band([]).x) and not len(band([one, _curve([], [])]).x)
    later = band([one, _curve([7], [1])])
    assert (later.x.tolist(), later.median.tolist()) == ([7], [3])
