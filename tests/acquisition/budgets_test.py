"""The chance of being within hard budgets, by hand and by draws."""

import jax
import numpy as np
from scipy.stats import norm

from sparse_jax.acquisition.budgets import capped, within_budgets
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.surrogate.base import Posterior, Surrogate

LOG = np.array([False, True])
MEAN, SPREAD, NOISE = np.array([0.5, 1.0]), np.array([0.04, 0.16]), np.array([0.0, 0.2])


def _surrogate():
    """Two models of the same belief everywhere, the second of a logarithm."""
    nothing = dict.fromkeys(Surrogate._fields)
    wide = lambda values, x: np.repeat(values[:, None], len(x), 1)
    return Surrogate(**nothing | {
        'predict': lambda state, x, active: Posterior(wide(MEAN, x), wide(SPREAD, x)),
        'warp': lambda state, f: np.where(LOG[:, None], np.log(f), f),
        'noise': lambda state: NOISE})


def _chance(facts, budgets, chunk=2):
    x = np.zeros((len(facts.scale), 1))
    return within_budgets(
        _surrogate(), None, x, x, facts, np.array(budgets), chunk=chunk)


def test_the_chance_is_that_of_all_budgets_together():
    facts = Facts.nothing(3, 2)._replace(
        scale=np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 10.0]]))
    first = norm.cdf((np.array([0.8, 0.4, 0.8]) - 0.5) / 0.2)
    second = norm.cdf((np.log([4.0, 4.0, 0.4]) - 1.0) / 0.6)
    np.testing.assert_allclose(_chance(facts, [0.8, 4.0]), first * second)
    np.testing.assert_allclose(_chance(facts, [np.inf, 4.0]), second)
    np.testing.assert_allclose(_chance(facts, [0.8, 4.0], chunk=3), first * second)


def test_draws_agree():
    rng = np.random.default_rng(0)
    z = MEAN + np.sqrt(SPREAD + NOISE) * rng.standard_normal((100_000, 2))
    inside = (z[:, 0] <= 0.6) & (np.exp(z[:, 1]) <= 3.0)
    found = _chance(Facts.nothing(1, 2), [0.6, 3.0])
    np.testing.assert_allclose(found, inside.mean(), atol=0.005)


def test_where_the_facts_decide_the_model_is_not_asked():
    low, high = [[0.0, 5.0], [0.0, 0.0]], [[1.0, 9.0], [1.0, 3.0]]
    facts = Facts(np.array(low), np.array(high), np.ones((2, 2)))
    np.testing.assert_array_equal(_chance(facts, [np.inf, 4.0]), [0, 1])
    within = capped(facts, np.array([np.inf, 4.0]))
    np.testing.assert_array_equal(within.high, [[1, 5], [1, 3]])
    np.testing.assert_array_equal(within.low, facts.low)


def test_the_process_warps_as_it_unwarps():
    from sparse_jax.surrogate.embedding import Layout
    from sparse_jax.surrogate.gp import GPConfig, gp

    surrogate = gp(GPConfig(Layout((0,), (False,), (False,)), (False, True),
                            restarts=1, steps=2, frequencies=8))
    x = np.linspace(0, 1, 16)[:, None]
    y = np.stack([np.sin(x[:, 0]), np.exp(3 * x[:, 0])], 1)
    state = surrogate.fit(
        jax.random.key(0), x, np.ones_like(x), y, np.ones(16, bool))
    f = np.array([[0.1, 0.7], [2.0, 9.0]])
    np.testing.assert_allclose(surrogate.unwarp(state, surrogate.warp(state, f)), f)
    assert surrogate.noise(state).shape == (2,) and (surrogate.noise(state) > 0).all()
