"""Who becomes a parent in the evolutionary algorithms, against hand-made archives."""

import collections

import jax
import numpy as np
import pytest

from sparse_jax.host_random import generator
from sparse_jax.search import algorithms as lib
from sparse_jax.search import archive
from sparse_jax.search.cube import cube_domain
from sparse_jax.types import Evaluation, Problem


def _renew(key, x):
    """Only the last coordinate is edited: the others tell the parents."""
    return np.concatenate([x[:, :-1], generator(key).random((len(x), 1))], 1)


DOMAIN = cube_domain(3)._replace(perturb=_renew)


def _children(algorithm, y, keys=1):
    """Rows of the archive that the first two coordinates of every child come from,
    [keys * batch, 2], and what was said of the last batch."""
    y = np.asarray(y, float)
    row = np.arange(len(y)) / len(y)
    x = np.stack([row, row, np.zeros(len(y))], 1)
    state = archive.append(
        archive.empty(3, y.shape[1]), x, Evaluation(y, np.zeros(len(y), int)))
    found = []
    for key in jax.random.split(jax.random.key(0), keys):
        batch, info = algorithm.suggest(key, state)
        found.append(np.rint(batch[:, :2] * len(y)).astype(int))
    return np.concatenate(found), info


def _aging(bounds, batch=32, **settings):
    return lib.aging_evolution(DOMAIN, Problem(tuple(bounds)), batch=batch,
                               rules=lib.Rules(num_initial=2), **settings)


def _nsga2(num_objectives, batch=64, **settings):
    return lib.nsga2(DOMAIN, Problem((1.0,) * num_objectives), batch=batch,
                     rules=lib.Rules(num_initial=2), **settings)


def test_the_best_of_a_tournament_of_all_is_the_parent():
    parents, _ = _children(_aging([1.0], tournament=5), [[5], [4], [3], [2], [1]])
    np.testing.assert_array_equal(parents, 4)


def test_tournaments_are_without_repeats():
    # The best of three has no rival in 2 / 3 of all pairs, the second in 1 / 3.
    parents, _ = _children(_aging([1.0], 200, tournament=2), [[2], [1], [3]])
    share = np.bincount(parents[:, 0], minlength=3) / len(parents)
    np.testing.assert_allclose(share, [1 / 3, 2 / 3, 0], atol=0.08)


def test_parents_are_among_the_youngest():
    parents, _ = _children(
        _aging([1.0], population=2, tournament=1), [[1], [2], [3], [9], [8]])
    assert set(parents[:, 0]) == {3, 4}


def test_each_child_has_weights_of_its_own():
    y = np.array([[1.0, 9], [2, 7], [4, 4], [7, 2], [9, 1]])
    parents, info = _children(_aging([1.0, 1.0], tournament=5), y)
    expected = [(weight * y).max(1).argmin() for weight in info.weights]
    assert len(set(expected)) > 1
    np.testing.assert_array_equal(parents[:, 0], expected)


def test_mates_win_binary_tournaments():
    # Of five rows, the one of rank r is the better of two in (9 - 2 r) / 25.
    parents, _ = _children(_nsga2(1, crossover=0.0), [[4], [1], [3], [2], [5]], keys=10)
    share = np.bincount(parents[:, 0], minlength=5) / len(parents)
    np.testing.assert_allclose(
        share, np.array([3, 9, 5, 7, 1]) / 25, atol=0.06)


@pytest.mark.parametrize('crossover', [0.0, 0.5, 1.0])
def test_coordinates_come_from_either_mate(crossover):
    # Two mates differ with probability 1 - (81 + 49 + 25 + 9 + 1) / 625 = 0.736; half
    # of the mixed children then have one coordinate of each.
    children, _ = _children(
        _nsga2(1, crossover=crossover), [[4], [1], [3], [2], [5]], keys=10)
    mixed = (children[:, 0] != children[:, 1]).mean()
    np.testing.assert_allclose(
        mixed, crossover * 0.368, atol=0.06 if crossover else 0.0)


def test_the_best_fronts_survive():
    y = [[9, 9], [1, 3], [8, 9], [2, 2], [3, 1], [9, 8]]
    parents, _ = _children(_nsga2(2, population=3, crossover=0.0), y)
    counts = collections.Counter(parents[:, 0].tolist())
    assert set(counts) == {1, 3, 4}
    # The ends of the front come before its middle: of three, the last is the better
    # of two in 1 / 9.
    assert counts[3] < len(parents) / 4
