"""Pareto front and hypervolume against published golden values and slow references."""

import numpy as np
import pytest

from sparse_jax.objectives import pareto

# The values are BoTorch's and Trieste's own test expectations, turned to
# minimisation where theirs maximise.
GOLDEN = [
    (-np.array([[8.5, 3], [8.5, 3.5], [5, 5], [9, 1], [4, 5]]), (0, 0), 37.75),
    (-np.array([[8.5, 3], [8.5, 3.5], [5, 5], [9, 1], [4, 5]]), (-1, -0.5), 28.75),
    (np.eye(3), (2.1, 2.5, 2.3), 11.075),
    (np.eye(4), (2.1, 2.5, 2.3, 2.0), 23.15),
    ([[1, 0.5]], (2.3, 2), 1.95),
    ([[-1, -0.6], [-0.8, -0.7], [-0.6, -1.1]], (0.1, -0.1), 0.92),
    ([[-1, -0.6], [-0.8, -0.7], [-0.6, -1.1]], (0.1, -0.6), 0.37),
    ([[2, 2, 0], [2, 0, 1], [3, 1, 0]], (4, 4, 4), 29.0),
]


@pytest.mark.parametrize('points, reference, expected', GOLDEN)
def test_hypervolume_golden(points, reference, expected):
    found = pareto.hypervolume(np.array(points, float), np.array(reference, float))
    assert found == pytest.approx(expected, rel=1e-12)


def test_hypervolume_of_a_known_front():
    # DTLZ2 with 2 objectives: the quarter circle, reference 1.1.
    angle = np.linspace(0, np.pi / 2, 200_001)
    front = np.stack([np.cos(angle), np.sin(angle)], 1)
    assert pareto.hypervolume(front, np.full(2, 1.1)) == pytest.approx(
        0.4246018366, abs=1e-5)
    # ZDT1: f2 = 1 - sqrt(f1), reference 11.
    f1 = np.linspace(0, 1, 200_001)
    front = np.stack([f1, 1 - np.sqrt(f1)], 1)
    assert pareto.hypervolume(front, np.full(2, 11.0)) == pytest.approx(
        120 + 2 / 3, abs=1e-3)


def test_hypervolume_ignores_failed_and_outside_rows():
    y = np.array([[1.0, 1.0], [np.nan, 0.0], [3.0, 0.5], [0.5, np.inf]])
    assert pareto.hypervolume(y, np.full(2, 2.0)) == 1.0
    assert pareto.hypervolume(np.full((2, 2), np.nan), np.ones(2)) == 0.0
    assert pareto.hypervolume(np.zeros((0, 3)), np.ones(3)) == 0.0


def test_hypervolume_refuses_a_wrong_reference():
    with pytest.raises(ValueError, match='do not match'):
        pareto.hypervolume(np.zeros((2, 3)), np.ones(2))


def _slow_front(y):
    keep = []
    for i, row in enumerate(y):
        beaten = any(
            (other <= row).all() and ((other < row).any() or j < i)
            for j, other in enumerate(y) if j != i
        )
        keep.append(not beaten and not np.isnan(row).any())
    return np.array(keep)


@pytest.mark.parametrize('k', [1, 2, 3, 4])
def test_non_dominated_equals_the_definition(k):
    rng = np.random.default_rng(k)
    y = rng.integers(0, 6, (60, k)).astype(float)  # coarse: many ties and copies
    y[rng.random(60) < 0.2, 0] = np.nan
    np.testing.assert_array_equal(pareto.non_dominated(y), _slow_front(y))


def test_duplicates_keep_one_and_empty_is_empty():
    np.testing.assert_array_equal(
        pareto.non_dominated(np.array([[1.0, 1], [1, 1], [2, 0]])),
        [True, False, True])
    assert pareto.non_dominated(np.zeros((0, 2))).shape == (0,)


def test_ranks_peel_the_fronts():
    rng = np.random.default_rng(0)
    y = rng.random((40, 2))
    y[3, 1] = np.nan
    rank = pareto.ranks(y)
    left = ~np.isnan(y).any(1)
    for level in range(rank[left].max() + 1):
        front = np.zeros(40, bool)
        front[np.flatnonzero(left)[_slow_front(y[left])]] = True
        np.testing.assert_array_equal(front, rank == level)
        left &= ~front
    assert rank[3] == rank.max()


def test_crowding_of_a_line():
    y = np.array([[0.0, 4], [1, 3], [2, 2], [4, 0]])
    np.testing.assert_allclose(
        pareto.crowding(y), [np.inf, 0.5 + 0.5, 0.75 + 0.75, np.inf])


def test_both_ends_are_never_crowded():
    """Also where one row is at the lower and another at the upper end of all."""
    y = np.array([[0.0, 0], [1, 1], [2, 2]])
    np.testing.assert_array_equal(pareto.crowding(y), [np.inf, 2, np.inf])
