"""Which trials a surrogate is fitted to when there are many."""

from typing import Any

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.search import algorithms as lib
from sparse_jax.search import archive
from sparse_jax.search.algorithms.modelled import by_merit, farthest, modelled
from sparse_jax.search.cube import cube_domain
from sparse_jax.surrogate.base import Posterior, Surrogate
from sparse_jax.types import Archive, Evaluation, Problem


def _archive(count, seed=0, excess=None):
    """Trials of three coordinates on a grid, where ties abound; every tenth failed."""
    rng = np.random.default_rng(seed)
    x = np.unique(rng.integers(0, 12, (4 * count, 3)) / 11, axis=0)
    x = rng.permutation(x)[:count]
    y = np.round(rng.random((count, 2)), 2)
    code = np.where(np.arange(count) % 10 == 3, status.NONFINITE, status.OK)
    return archive.append(
        archive.empty(3, 2), x, Evaluation(y, code, excess=excess))


def _rows(found):
    return {tuple(row) for row in found.x}


def test_an_archive_that_fits_is_seen_whole():
    found = _archive(40)
    assert modelled(found, 40) is found and modelled(found, None) is found


def test_half_are_the_best_a_quarter_the_newest_and_the_rest_are_spread():
    found = _archive(200)
    seen = modelled(found, 40)
    assert seen.size == 40 and seen.rounds == found.rounds
    # In the order of the trials, with their own figures.
    places = [int(np.flatnonzero((found.x == row).all(1))[0]) for row in seen.x]
    assert places == sorted(places)
    for ours, theirs in zip(seen[:5], found[:5]):
        np.testing.assert_array_equal(ours, theirs[places])
    best = by_merit(found, 20)
    newest = [i for i in range(200) if i not in set(best)][-10:]
    assert set(best) | set(newest) < set(places)
    # What is left over is in reach: no row is farther than the last that was taken.
    apart = np.linalg.norm(found.x[:, None] - seen.x, axis=-1).min(1)
    first = np.r_[best, newest]
    alone = np.linalg.norm(found.x[:, None] - found.x[first], axis=-1).min(1)
    assert apart.max() < 0.8 * alone.max()


def test_the_best_are_those_of_the_first_fronts():
    y = np.array([[1., 9], [9, 1], [5, 5], [6, 6], [2, 10], [10, 2], [7, 7], [4, 6]])
    found = archive.append(archive.empty(1, 2), np.arange(8)[:, None] / 8,
                           Evaluation(y, np.zeros(8, int)))
    # 0, 1, 2 and 7 are on the front; its ends are the least crowded.
    assert set(by_merit(found, 4)) == {0, 1, 2, 7}
    assert set(by_merit(found, 2)) == {0, 1}
    assert set(by_merit(found, 7)) == {0, 1, 2, 3, 4, 5, 7}
    alone = archive.append(archive.empty(1, 1), found.x,
                           Evaluation(y[:, :1], np.zeros(8, int)))
    assert by_merit(alone, 3).tolist() == [0, 4, 7]


def test_those_within_the_budgets_come_first_then_the_nearest():
    excess = np.array([0.5, 0.0, 2.0, 0.1, 0.0, 0.0])
    y = np.array([[1., 1], [3, 3], [0, 0], [1, 2], [9, 9], [5, 5]])
    over = status.OVER_BUDGET
    code = np.array([over, 0, over, over, 0, status.NONFINITE])
    found = archive.append(archive.empty(1, 2), np.arange(6)[:, None] / 8,
                           Evaluation(y, code, excess=excess))
    assert by_merit(found, 9).tolist() == [1, 4, 3, 0, 2]


def test_the_farthest_are_taken_one_after_the_other():
    x = np.array([[0.0], [1.0], [0.5], [0.7], [0.1]])
    chosen = np.array([True, False, False, False, False])
    assert farthest(x, chosen, 4).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize('seed', range(3))
def test_the_order_of_the_trials_decides_the_newest_alone(seed):
    found = _archive(150, seed)
    new = found.size - found.size // 4
    order = np.r_[np.random.default_rng(seed).permutation(new),
                  np.arange(new, found.size)]
    mixed = Archive(*(part[order] for part in found[:5]), rounds=found.rounds)
    assert _rows(modelled(mixed, 40)) == _rows(modelled(found, 40))


def _recording(sizes):
    """A surrogate that notes how many rows it is given, and knows nothing."""
    width = 2

    def fit(key, x, active, y, mask):
        sizes.append((len(x), int(mask.sum())))
        return np.zeros(width)

    moments = lambda state, x, active: Posterior(
        np.zeros((width, len(x))), np.ones((width, len(x))))
    nothing: Any = lambda *_: np.zeros(width)
    return Surrogate(
        fit=fit, predict=moments, sample=nothing, nll=nothing, moments=moments,
        unwarp=lambda state, f: f, draw=nothing, evaluate=nothing, solve=nothing,
        fantasise=nothing, conditional=nothing, warp=lambda state, f: f, noise=nothing)


def test_a_surrogate_is_given_no_more_rows_than_the_model_allows(key):
    sizes, domain = [], cube_domain(3)
    made = lib.sparse_ucb(
        domain, Problem((1.0, 1.0)), batch=2, rules=lib.Rules(num_initial=2),
        model=lib.Model(
            make=lambda layout, log: _recording(sizes), tiers=(16, 32, 64),
            most_rows=30, propose=lambda key, state: domain.sample(key, 16),
            maximize=MaximizeConfig(chunk=16, children=4, rounds=0, ascent_steps=0)))
    x, _ = made.suggest(key, _archive(100))
    assert x.shape == (2, 3) and set(sizes) == {(32, 30)}
    # And nothing is prepared for more.
    sizes.clear()
    assert made.prepare is not None
    made.prepare(100)
    assert sizes == [(32, 2)]
    assert jax.config.jax_enable_x64 is False
