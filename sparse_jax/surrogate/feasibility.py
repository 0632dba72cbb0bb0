"""How likely a point is to train and measure: a model of the failed trials."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from sparse_jax.surrogate.base import Surrogate
from sparse_jax.types import Array, PRNGKey

NUGGET = 0.05
"""Variance added to the latent label, in standardised units: no point is certain."""


class Feasibility(NamedTuple):
    """A model of the labels 1 (fine) and 2 (failed)."""

    state: Any
    """Of the surrogate."""
    cut: float
    """Halfway between the labels, in model units."""


def fit(
    key: PRNGKey, surrogate: Surrogate, x: Array, active: Array, failed: Array,
    mask: Array, *, num_objectives: int = 1,
) -> Feasibility | None:
    """A surrogate over the labels 1 (fine) and 2 (failed [N]).

    None if there is nothing to learn: no failure among the rows of mask [N], or nothing
    else. The labels are the first objective of the surrogate, its others get no data:
    the surrogate of a search may serve, whose programs are compiled already. Labels are
    positive, as its first objective may be modelled on a logarithmic scale.
    """
    rate = failed[mask].mean() if mask.any() else 0.0
    if rate in (0.0, 1.0):
        return None
    labels = np.full((len(x), num_objectives), np.nan)
    labels[mask, 0] = 1.0 + failed[mask]
    # Two values of zero mean and unit variance, whatever the scale they were put on.
    odds = float(np.sqrt(rate / (1.0 - rate)))
    return Feasibility(
        surrogate.fit(key, x, active, labels, mask), 0.5 * (1.0 / odds - odds))


def probability(
    surrogate: Surrogate, model: Feasibility | None, x: Array, active: Array, *,
    chunk: int,
) -> np.ndarray:
    """Probability that a trial of x [Q, D] succeeds -> [Q], one without a model.

    The label regression is read as a probit: the chance that the latent label is
    nearer to 1 than to 2, in model units. Far from all data it tends to the overall
    rate. `chunk` rows are predicted at a time, by one program for any Q.
    """
    if model is None:
        return np.ones(len(x))
    parts = []
    for start in range(0, len(x), chunk):
        rows = np.arange(start, start + chunk) % len(x)
        mean, var = surrogate.predict(model.state, x[rows], active[rows])
        parts.append(ndtr((model.cut - mean[0]) / np.sqrt(var[0] + NUGGET)))
    return np.concatenate(parts)[: len(x)]
