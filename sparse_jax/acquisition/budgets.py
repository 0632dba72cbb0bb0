"""Hard budgets: how likely a point is to be within them, by the model of its costs."""

from typing import Any

import numpy as np
from scipy.special import ndtr

from sparse_jax.acquisition.scoring import Facts
from sparse_jax.surrogate.base import Surrogate


def capped(facts: Facts, budgets: np.ndarray) -> Facts:
    """The facts of points that are within the budgets [M]."""
    high = np.maximum(np.minimum(facts.high, budgets), facts.low)
    return facts._replace(high=high)


def within_budgets(
    surrogate: Surrogate, state: Any, x: np.ndarray, active: np.ndarray, facts: Facts,
    budgets: np.ndarray, *, chunk: int,
) -> np.ndarray:
    """Probability that a trial is within all budgets (Gardner et al. 2014).

    The models of the costs are independent. Where the facts decide, the model is not
    asked.

    Args:
      surrogate: M models, of objectives and of further costs.
      state: their fit.
      x: [Q, D] points.
      active: [Q, D] their activity.
      facts: what is known of them, in M columns, not capped.
      budgets: [M] the most of each, inf for any.
      chunk: points predicted at once, by one program for any Q.

    Returns:
      [Q].
    """
    chance = np.ones(facts.scale.shape)
    spread = np.asarray(surrogate.noise(state))[:, None]
    for start in range(0, len(x), chunk):
        rows = np.arange(start, start + chunk) % len(x)
        mean, var = surrogate.predict(state, x[rows], active[rows])
        limit = surrogate.warp(state, (budgets / facts.scale[rows]).T)
        z = (np.asarray(limit) - mean) / np.sqrt(var + spread)
        chance[rows] = ndtr(z).T
    chance = np.where(facts.high <= budgets, 1.0, chance)
    return np.where(facts.low > budgets, 0.0, chance).prod(axis=1)
