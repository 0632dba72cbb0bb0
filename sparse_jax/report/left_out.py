"""How well the default surrogate predicts every trial from all others."""

import numpy as np

from sparse_jax.host_random import root_key
from sparse_jax.objectives import structure
from sparse_jax.objectives.goals import objectives_of
from sparse_jax.report.facts import Facts
from sparse_jax.report.prediction import FEWEST, Prediction
from sparse_jax.search import trend
from sparse_jax.search.algorithms import layout_of
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.facts import facts_of
from sparse_jax.settings import reading
from sparse_jax.space import encoding
from sparse_jax.study.lineage import latest
from sparse_jax.surrogate import capacity, installed
from sparse_jax.surrogate.threads import one_blas_thread

MOST = 512
"""Trials that are fitted: the last ones."""
HOW = ('each predicted by the default surrogate (a Gaussian process) from all others; '
       'on the line both are equal. Costs are modelled as shares of those before '
       'pruning, with a trend errors as multiples of the one that all others have. '
       'The search itself knew less: only the trials before.')


def leave_one_out(facts: Facts) -> Prediction | None:
    """Fit the default surrogate to the trials within the budgets, and predict each from
    all others (Rasmussen and Williams 2006, eqs. 5.10-12: hyperparameters stay those of
    all trials).

    Returns:
      Both in the objectives' own units; None with too few trials, or without gpjax.
    """
    if not installed.has_gpjax():
        return None
    # Importing gpjax starts the devices.
    from sparse_jax.surrogate.gp import GPConfig, gp

    study, objectives = facts.study, facts.objectives
    # Of a point that was trained further its other trials would tell too much.
    rows = [row for row in latest(facts.trials) if row.ok][-MOST:]
    observed = np.array([objectives_of(row, objectives) for row in rows])
    if len(rows) < FEWEST or not np.isfinite(observed).all():
        return None
    domain = sparse_domain(study.space, reading.tier_policy(study.settings))
    x = np.array([row.trial.row for row in rows])
    count = len(objectives.names)
    prunes = reading.prunes(study.settings)
    scale = facts_of(study.space, objectives, x, prunes=prunes).scale[:, :count].copy()
    if study.settings.search.trend != 'none':
        vectors = structure.vectors(encoding.graphs(study.space, x))
        scale[:, 0] *= trend.left_out(vectors, observed[:, 0], trend.prior())
    size = capacity.tier(len(x))
    surrogate = gp(GPConfig(layout_of(domain), (True,) * count))
    with one_blas_thread():
        state = surrogate.fit(
            root_key(0), capacity.pad(x, size),
            capacity.pad(np.asarray(domain.activity(x), float), size),
            capacity.pad(observed / scale, size, np.nan), np.arange(size) < len(x))
    target = np.asarray(state.residual) + np.asarray(state.params['mean'])[:, None]
    means = target - _left_out(np.asarray(state.upper), np.asarray(state.weights))
    # All objectives are modelled as standardised logarithms.
    logs = means * np.asarray(state.warp.scale)[:, None] + np.asarray(
        state.warp.shift)[:, None]
    return Prediction(observed, np.exp(np.minimum(logs.T[:len(x)], 80.0)) * scale,
                      HOW)


def _left_out(upper: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[K, N] what each observation lies above its prediction from all others."""
    root = np.linalg.inv(upper)
    return weights / (root ** 2).sum(axis=-1)
