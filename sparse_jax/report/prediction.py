"""How well the surrogate predicts what a trial gave, from all other trials."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from sparse_jax.host_random import root_key
from sparse_jax.objectives.goal import ERROR, Goal
from sparse_jax.objectives.goals import objectives_of
from sparse_jax.report.axes import Axis, percent_axis, size_axis
from sparse_jax.report.chart import SIZE, chart, dots, line
from sparse_jax.report.elements import Element, element, sentence
from sparse_jax.report.facts import Facts
from sparse_jax.search.algorithms import layout_of
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.facts import facts_of
from sparse_jax.settings import reading
from sparse_jax.study.lineage import latest
from sparse_jax.surrogate import capacity, installed
from sparse_jax.surrogate.threads import one_blas_thread

FEWEST, MOST = 12, 512
"""Trials that are fitted: with fewer there is nothing to say, of more the last ones."""


class Prediction(NamedTuple):
    """Observed and predicted objectives of N trials, [N, K] each."""

    observed: np.ndarray
    predicted: np.ndarray


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
    prunes = study.settings.pruning.method != 'none'
    scale = facts_of(study.space, objectives, x, prunes=prunes).scale[:, :count]
    size = capacity.tier(len(x))
    surrogate = gp(GPConfig(layout_of(domain), (True,) * count))
    with one_blas_thread():
        state = surrogate.fit(
            root_key(0), capacity.pad(x, size),
            capacity.pad(np.asarray(domain.activity(x), float), size),
            capacity.pad(observed / scale, size, np.nan), np.arange(size) < len(x))
    target = np.asarray(state.residual) + np.asarray(state.params['mean'])[:, None]
    means = target - _left_out(np.asarray(state.factor), np.asarray(state.weights))
    # All objectives are modelled as standardised logarithms.
    logs = means * np.asarray(state.warp.scale)[:, None] + np.asarray(
        state.warp.shift)[:, None]
    return Prediction(observed, np.exp(np.minimum(logs.T[:len(x)], 80.0)) * scale)


def _left_out(factor: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[K, N] what each observation lies above its prediction from all others."""
    root = np.linalg.inv(factor)
    return weights / (root ** 2).sum(axis=-2)


def section(facts: Facts, found: Prediction | None) -> Element | None:
    """A picture per objective; None with too few trials."""
    if found is None:
        return None
    charts = []
    for column, name in enumerate(facts.objectives.names):
        charts.append(_picture(facts.objectives.goal(name), found.observed[:, column],
                               found.predicted[:, column]))
    return element(
        'section', element('h2', 'Predicted and observed'),
        element('div', *charts, class_='planes'), element(
            'p', f'{len(found.observed)} trials, each predicted by the default '
            'surrogate (a Gaussian process) from all others; on the line both are '
            'equal. Costs are modelled as shares of those before pruning. The search '
            'itself knew less: only the trials before.', class_='note'),
        id='prediction')


def _picture(goal: Goal, observed: np.ndarray, predicted: np.ndarray) -> Element:
    """Predicted against observed, with their rank correlation."""
    scale = 100.0 if goal.name == ERROR else 1.0
    least = observed[observed > 0].min() if (observed > 0).any() else 1e-3
    seen, told = (scale * np.maximum(v, 0.5 * least) for v in (observed, predicted))
    low, high = float(seen.min()) / 1.3, float(seen.max()) * 1.3
    told = np.clip(told, low, high)
    x, y = (_axis(goal, low, high, ends, words) for ends, words in (
        (SIZE.across, 'observed'), (SIZE.up, 'predicted')))
    ends = np.array([low, high])
    words = ''
    if np.ptp(observed) > 0 and np.ptp(predicted) > 0:
        rank = np.corrcoef(*map(stats.rankdata, (observed, predicted)))[0, 1]
        words = f', rank correlation {rank:.2f}'
    return chart(f'{sentence(goal.title)}{words}', x, y,
                 line(x.at(ends), y.at(ends), 'diagonal'),
                 dots(x.at(seen), y.at(told), 'large'))


def _axis(
    goal: Goal, low: float, high: float, ends: tuple[float, float], words: str
) -> Axis:
    if goal.name == ERROR:
        return percent_axis(low, high, *ends, f'{words} (%)')
    unit = goal.unit if goal.axis is None else goal.axis
    return size_axis(low, high, *ends, f'{words} ({unit})' if unit else words,
                     bytes_=goal.unit == 'B')
