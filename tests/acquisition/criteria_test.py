"""Criteria on a fitted model against slow Monte Carlo and exact hypervolumes."""

import functools

import jax
import numpy as np
import pytest

from sparse_jax.acquisition import criteria, scalarize, scoring
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.objectives import pareto
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.surrogate.gp import GPConfig, gp

SURROGATE = gp(GPConfig(
    Layout((0, 0), (False,) * 2, (False,) * 2), (False, False), steps=30))
REFERENCE = np.array([1.5, 1.5])


@functools.lru_cache
def _setting():
    rng = np.random.default_rng(0)
    x = rng.random((16, 2))
    y = np.stack([x[:, 0], 1 - np.sqrt(x[:, 0]) + x[:, 1]], 1)
    y[8:] = np.nan
    state = SURROGATE.fit(
        jax.random.key(0), x, np.ones((16, 2)), y, np.arange(16) < 8)
    return state, y[:8], rng.random((6, 2))


def _pending(criterion, points=(), **facts):
    """Three picks at most; those that are not made are somewhere."""
    x = np.array([*points, *[(0.5, 0.5)] * 3])[:3]
    return scoring.Pending(_points(criterion, x, **facts), np.arange(3) < len(points))


def _score(criterion, x, pending=None, **facts):
    arrays = criterion.prepare(jax.random.key(3), 0, pending or _pending(criterion))
    return scoring.score(criterion, arrays, _points(criterion, x, **facts), chunk=4)


def _points(criterion, x, **facts):
    return scoring.points_of(
        criterion, x, np.ones_like(x), Facts.nothing(len(x), 2)._replace(**facts),
        chunk=3)


def _draws(state, x, num=4000):
    mean, var = SURROGATE.predict(state, x, np.ones_like(x))
    normal = np.random.default_rng(1).standard_normal((num, *mean.shape))
    return np.asarray(SURROGATE.unwarp(state, mean + np.sqrt(var) * normal))


def _ehvi(num_draws=256, num_directions=512):
    state, y, _ = _setting()
    return criteria.hypervolume_improvement(
        SURROGATE, state, y[pareto.non_dominated(y)], REFERENCE,
        num_draws=num_draws, num_directions=num_directions)


def test_hypervolume_improvement_equals_slow_monte_carlo():
    state, y, x = _setting()
    front = y[pareto.non_dominated(y)]
    base = pareto.hypervolume(front, REFERENCE)
    slow = [np.mean([
        pareto.hypervolume(np.vstack([front, f]), REFERENCE) - base
        for f in draws]) for draws in _draws(state, x).transpose(2, 0, 1)]
    span = REFERENCE - front.min(0)
    scale = scalarize.hypervolume_constant(2) * span.prod()
    fast = -_score(_ehvi(), x) * scale
    np.testing.assert_allclose(fast, slow, atol=0.05 * max(slow) + 1e-6)


def test_a_pending_point_leaves_nothing_to_gain_at_itself():
    _, _, x = _setting()
    criterion = _ehvi()
    alone = _score(criterion, x)
    best = int(np.argmin(alone))
    after = _score(criterion, x, _pending(criterion, [x[best]]))
    assert alone[best] < 0
    assert after[best] > 0.05 * alone[best]
    assert (after >= alone - 0.02 * abs(alone[best])).all()


def test_expected_improvement_equals_slow_monte_carlo():
    state, y, x = _setting()
    weights = np.array([[0.3, 0.7]])
    fast = -_score(criteria.expected_improvement(
        SURROGATE, state, y, weights, num_draws=512), x)
    low, span = y.min(0), y.max(0) - y.min(0)
    g = lambda f: scalarize.augmented_chebyshev(weights[0], (f - low) / span)
    draws = _draws(state, x)
    slow = [np.maximum(g(y).min() - g(f), 0).mean() for f in draws.transpose(2, 0, 1)]
    np.testing.assert_allclose(fast, slow, atol=0.05 * max(slow) + 1e-6)


def test_the_bound_without_exploration_is_the_mean():
    state, _, x = _setting()
    weights = np.array([[2.0, 1.0]])
    value = _score(criteria.lower_bound(SURROGATE, state, weights, beta=0.0), x)
    mean, var = SURROGATE.predict(state, x, np.ones_like(x))
    f = np.asarray(SURROGATE.unwarp(state, mean)).T
    np.testing.assert_allclose(value, scalarize.chebyshev(weights[0], f), rtol=1e-9)
    lower = _score(criteria.lower_bound(SURROGATE, state, weights, beta=2.0), x)
    assert (lower < value).all()


@pytest.mark.parametrize('name', ['thompson', 'lower_bound', 'expected_improvement'])
def test_every_pick_has_its_own_weights(name):
    state, y, _ = _setting()
    weights = np.array([[0.2, 0.8], [0.7, 0.3], [0.5, 0.5]])
    criterion = {
        'thompson': lambda: criteria.thompson(SURROGATE, state, weights),
        'lower_bound': lambda: criteria.lower_bound(
            SURROGATE, state, weights, beta=1.0),
        'expected_improvement': lambda: criteria.expected_improvement(
            SURROGATE, state, y, weights, num_draws=64)}[name]()
    for pick in range(3):
        arrays = criterion.prepare(jax.random.key(0), pick, _pending(criterion))
        np.testing.assert_array_equal(arrays['weights'], weights[pick])


def test_the_best_so_far_is_by_the_weights_of_the_pick():
    state, y, _ = _setting()
    weights = np.array([[0.1, 0.9], [0.8, 0.2]])
    criterion = criteria.expected_improvement(
        SURROGATE, state, y, weights, num_draws=64)
    key, low, span = jax.random.key(5), y.min(0), np.ptp(y, axis=0)

    def slow(points):
        scaled = weights[1] * (points - low) / span
        return scaled.max(-1) + 0.05 * scaled.sum(-1)

    alone = criterion.prepare(key, 1, _pending(criterion))['best']
    np.testing.assert_allclose(alone, slow(y).min())
    # Objectives 0.1 and 0.68: better than all.
    pending = _pending(criterion, [[0.1, 0.0]])
    _, imagined, _ = criteria._imagine(SURROGATE, key, state, pending, 64)
    expected = np.minimum(slow(y).min(), slow(imagined[:, 0]))
    assert 0 < (expected < slow(y).min()).sum()
    np.testing.assert_allclose(criterion.prepare(key, 1, pending)['best'], expected)


def test_thompson_draws_differ_by_key_and_stay_themselves():
    state, _, x = _setting()
    criterion = criteria.thompson(SURROGATE, state, np.ones((2, 2)))
    first, same, other = (criterion.prepare(jax.random.key(s), 0, _pending(criterion))
                          for s in (1, 1, 2))
    a, b, c = (scoring.score(criterion, arrays, _points(criterion, x), chunk=4)
               for arrays in (first, same, other))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


@pytest.mark.parametrize('name', ['thompson', 'lower_bound'])
def test_known_objectives_enter_exactly(name):
    state, _, x = _setting()
    weights = np.ones((1, 2))
    criterion = {
        'thompson': lambda: criteria.thompson(SURROGATE, state, weights),
        'lower_bound': lambda: criteria.lower_bound(
            SURROGATE, state, weights, beta=1.0)}[name]()
    known = np.stack([np.full(6, -50.0), np.arange(6) + 10.0], 1)
    np.testing.assert_allclose(
        _score(criterion, x, low=known, high=known), known[:, 1])
    # A bound holds what the model says; one beyond it changes nothing.
    free = _score(criterion, x)
    most = np.full((6, 2), np.median(free))
    np.testing.assert_allclose(
        _score(criterion, x, high=most), np.minimum(free, most[:, 0]))
    np.testing.assert_allclose(_score(criterion, x, high=most + 1e6), free)


@pytest.mark.parametrize('name', ['thompson', 'lower_bound'])
def test_scales_multiply_the_model(name):
    """The largest weighted objective is the second one, at its own scale per point."""
    state, _, x = _setting()
    weights = np.array([[1e-9, 1.0]])
    criterion = {
        'thompson': lambda: criteria.thompson(SURROGATE, state, weights),
        'lower_bound': lambda: criteria.lower_bound(
            SURROGATE, state, weights, beta=0.0)}[name]()
    low, high = ([-1e9, sign * np.inf] * np.ones((6, 2)) for sign in (-1, 1))
    scale = np.stack([np.ones(6), np.arange(6) + 2.0], 1)
    plain, scaled = (_score(criterion, x, low=low, high=high, scale=s)
                     for s in (np.ones((6, 2)), scale))
    np.testing.assert_allclose(scaled, plain * scale[:, 1])


def test_scales_reach_the_picks_before():
    """A pick that its scale makes worthless leaves the improvement of others alone; one
    that it makes splendid takes of it."""
    state, y, x = _setting()
    criterion = criteria.expected_improvement(
        SURROGATE, state, y, np.full((3, 2), 0.5), num_draws=64)

    def scored(factor):
        return _score(criterion, x, _pending(
            criterion, [x[0]], scale=np.full((3, 2), factor)))

    np.testing.assert_allclose(scored(1e6), _score(criterion, x), atol=1e-4)
    splendid, worthless = scored(1e-6), scored(1e6)
    assert (splendid >= worthless).all() and splendid.sum() > worthless.sum() + 1e-3


def test_ascent_goes_downhill_inside_the_cube():
    _, _, x = _setting()
    criterion = _ehvi(64, 64)
    arrays = criterion.prepare(jax.random.key(3), 0, _pending(criterion))
    score = lambda x: scoring.score(criterion, arrays, _points(criterion, x), chunk=4)
    climbed = scoring.ascend(criterion, arrays, _points(criterion, x), steps=15)
    assert ((climbed >= 0) & (climbed <= 1)).all()
    assert (score(climbed) <= score(x) + 1e-12).all()
    assert score(climbed).min() < score(x).min()
