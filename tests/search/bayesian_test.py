"""What the model-based algorithms hand to their model and to their criterion."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.acquisition import criteria
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.search import algorithms as lib
from sparse_jax.search import archive
from sparse_jax.search.algorithms import fitted
from sparse_jax.search.cube import cube_domain
from sparse_jax.surrogate.gp import GPConfig, gp
from sparse_jax.types import Evaluation, Problem

DOMAIN = cube_domain(2)
MODEL = lib.Model(
    make=lambda layout, log: gp(GPConfig(
        layout, log, restarts=1, steps=2, frequencies=8)),
    tiers=(16,), propose=lambda key, state: DOMAIN.sample(key, 16),
    maximize=MaximizeConfig(chunk=16, children=4, rounds=0, ascent_steps=0))


def _ehvi(model=MODEL, reference=(1.0, 1.0)):
    return lib.ehvi(DOMAIN, Problem((1.0, 1.0), reference), batch=1, model=model,
                    rules=lib.Rules(num_initial=2), num_draws=4, num_directions=8)


def _state(y, code=None):
    y = np.asarray(y, float)
    x = DOMAIN.sample(jax.random.key(1), len(y))
    code = np.zeros(len(y), int) if code is None else code
    return archive.append(archive.empty(2, 2), x, Evaluation(y, code))


def test_the_model_takes_over_at_the_initial_number(key):
    algorithm = lib.ehvi(DOMAIN, Problem((1.0, 1.0)), batch=1, model=MODEL,
                         rules=lib.Rules(num_initial=4), num_draws=4, num_directions=8)
    y = [[0.1, 0.9], [0.9, 0.1], [0.5, 0.4], [0.6, 0.6]]
    _, before = algorithm.suggest(key, _state(y[:3]))
    _, after = algorithm.suggest(key, _state(y))
    assert before.nll is None and np.isnan(before.score).all()
    assert after.nll.shape == (2,) and np.isfinite(after.score).all()


@pytest.mark.parametrize('y, reference, expected', [
    # One point of the front is below: the other one changes nothing.
    ([[0.5, 0.5], [0.1, 7], [8, 9]], [1, 1], [1, 1]),
    # Worst of the front (2, 2), a tenth of the ranges 3.5 and 2.5 of everything.
    ([[2, 0.5], [0.5, 2], [4, 3]], [1, 1], [2.35, 2.25]),
    # What lies beyond already stays.
    ([[2, 0.5], [0.5, 2], [4, 3]], [0.4, 10], [2.35, 10]),
    # Without a range, a tenth of the value.
    ([[2, 1], [2, 3]], [1, 0.5], [2.2, 1.2]),
])
def test_the_reference_moves_only_beyond_a_front_out_of_reach(
        y, reference, expected, key, monkeypatch):
    heard = []
    true = criteria.hypervolume_improvement

    def listen(surrogate, state, front, bound, **settings):
        heard.append(bound)
        return true(surrogate, state, front, bound, **settings)

    monkeypatch.setattr(criteria, 'hypervolume_improvement', listen)
    _ehvi(reference=reference).suggest(key, _state(y))
    np.testing.assert_allclose(heard, [expected])


@pytest.mark.parametrize('tier, fits', [(16, [2, 2]), (256, [2, 1])])
def test_many_rows_have_a_model_of_failures_of_their_own(tier, fits, key):
    fitted = []

    def make(layout, log):
        surrogate = MODEL.make(layout, log)

        def fit(key, x, active, y, mask):
            fitted.append((len(log), *y.shape, int(np.isfinite(y).all(1).sum())))
            # The rows behind are empty: no model of so many is compiled.
            return surrogate.fit(key, *(a[:16] for a in (x, active, y, mask)))

        return surrogate._replace(fit=fit)

    algorithm = _ehvi(MODEL._replace(make=make, tiers=(tier,)))
    y = [[0.1, 0.9], [0.9, 0.1], [0.5, 0.4], [np.nan] * 2]
    x, info = algorithm.suggest(key, _state(y, [0, 0, 0, status.INFEASIBLE]))
    assert [row[:3] for row in fitted] == [(width, tier, width) for width in fits]
    # Failures have no objectives; a label of their own model each row has.
    assert fitted[0][3] == 3 and (fits[1] == 2 or fitted[1][3] == 4)
    assert x.shape == (1, 2) and np.isfinite(info.score).all()


def test_a_suggestion_says_what_the_model_expects(key):
    """Of more points than are predicted at once, in the objectives' own units."""
    states = []

    def make(layout, log):
        surrogate = MODEL.make(layout, log)

        def fit(*data):
            states.append((surrogate, surrogate.fit(*data)))
            return states[-1][1]

        return surrogate._replace(fit=fit)

    scale = lambda x: Facts.nothing(len(x), 2)._replace(scale=1.0 + 9.0 * x)
    algorithm = lib.qnparego(
        DOMAIN, Problem((1.0, 1.0)), batch=3, num_draws=4,
        rules=lib.Rules(num_initial=2, facts=scale), model=MODEL._replace(
            make=make, maximize=dataclasses.replace(MODEL.maximize, chunk=2)))
    x, info = algorithm.suggest(key, _state(
        [[0.1, 0.9], [0.9, 0.1], [0.5, 0.4], [0.6, 0.6]]))
    surrogate, state = states[0]
    mean = surrogate.predict(state, x, np.ones(x.shape)).mean
    expected = np.asarray(surrogate.unwarp(state, mean)).T * (1.0 + 9.0 * x)
    assert info.predicted.shape == (3, 2) and np.isfinite(info.predicted).all()
    np.testing.assert_allclose(info.predicted, expected, rtol=1e-9)


def test_padded_rows_by_hand():
    """Figures are multiples of the scale; every kind of failure is one, and what is
    over a budget is none."""
    code = np.arange(len(status.NAMES))
    y = np.full((6, 2), [3.0, 8.0])
    x = DOMAIN.sample(jax.random.key(1), 6)
    state = archive.append(archive.empty(2, 2, 1), x, Evaluation(
        y, code, np.full((6, 1), 5.0)))
    data = fitted.padded(DOMAIN, state, np.tile([2.0, 4.0, 10.0], (6, 1)), (8,))
    np.testing.assert_array_equal(data.x, np.r_[state.x, np.zeros((2, 2))])
    np.testing.assert_array_equal(data.active, np.r_[np.ones((6, 2)), np.zeros((2, 2))])
    measured = [status.OK, status.OVER_BUDGET]
    np.testing.assert_array_equal(data.y[measured], [[1.5, 2.0, 0.5]] * 2)
    assert np.isnan(np.delete(data.y, measured, axis=0)).all()
    np.testing.assert_array_equal(data.failed, [0, 1, 1, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(data.mask, np.arange(8) < 6)


INF = np.inf


@pytest.mark.parametrize('y, excess, reference, budgets, expected, size', [
    # Something within the budgets is below the reference.
    ([[0.5, 0.5], [0.1, 7]], [0, 1], (1, 4), (INF, 1), [1, 4], 1),
    # What is over them shows that the error's end can be reached.
    ([[2, 0.5], [0.1, 7]], [0, 1], (1, 4), (INF, 1), [1, 4], 1),
    ([[0.4, 9], [1.2, 7]], [1, 1], (1, 2), (INF, 5), [1, 5], 0),
    # Nothing reaches it: beyond those within, 2, by a tenth of the range, 0.5.
    ([[2, 0.5], [1.5, 7]], [0, 1], (1, 4), (INF, 1), [2.05, 4], 1),
    # Nothing is within: beyond the front of everything. The cost's end stays.
    ([[0.4, 9], [1.2, 7], [3, 8]], [1, 1, 1], (0.1, 4), (INF, 1), [1.46, 4], 0),
    # A reference within the budget moves up to it at most.
    ([[0.4, 9], [1.2, 7]], [1, 1], (0.1, 2), (INF, 5), [1.28, 5], 0),
])
def test_improvements_end_at_the_budgets(
        y, excess, reference, budgets, expected, size, key, monkeypatch):
    heard = []
    true = criteria.hypervolume_improvement

    def listen(surrogate, state, front, bound, **settings):
        heard.append((front, bound))
        return true(surrogate, state, front, bound, **settings)

    monkeypatch.setattr(criteria, 'hypervolume_improvement', listen)
    algorithm = lib.ehvi(
        DOMAIN, Problem((1.0, 1.0), reference, budgets), batch=1, model=MODEL,
        rules=lib.Rules(num_initial=2), num_draws=4, num_directions=8)
    x = DOMAIN.sample(jax.random.key(1), len(y))
    code = np.where(np.array(excess) > 0, status.OVER_BUDGET, status.OK)
    state = archive.append(archive.empty(2, 2), x, Evaluation(
        np.array(y, float), code, None, np.array(excess, float)))
    _, info = algorithm.suggest(key, state)
    (front, bound), = heard
    assert len(front) == size and np.isfinite(info.score).all()
    np.testing.assert_allclose(bound, expected)
