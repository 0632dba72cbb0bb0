"""Model-based algorithms: one skeleton, one acquisition criterion each."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.acquisition import criteria, maximize, scalarize
from sparse_jax.acquisition.propose import random_and_morphs
from sparse_jax.acquisition.scoring import Criterion
from sparse_jax.host_random import generator
from sparse_jax.objectives import pareto
from sparse_jax.search.algorithms.common import (
    RULES,
    Rules,
    admission_of,
    finish,
    random_batch,
)
from sparse_jax.search.algorithms.model import MODEL, Model, default_gp, layout_of
from sparse_jax.surrogate import capacity, feasibility
from sparse_jax.surrogate.base import Surrogate
from sparse_jax.surrogate.threads import one_blas_thread
from sparse_jax.types import (
    Archive,
    Domain,
    PRNGKey,
    Problem,
    SearchAlgorithm,
    SuggestInfo,
)

MANY = 128
"""Capacity up to which failures are modelled by the objectives' own programs."""
SPARSE = Model(rho=0.9)


class Fitted(NamedTuple):
    """A fitted surrogate beside the successful observations."""

    surrogate: Surrogate
    state: Any
    y: np.ndarray
    """[N, K] successful observations."""


CriterionOf = Callable[[PRNGKey, Fitted], Criterion]
"""(key, fitted) -> what decides a batch."""


def _bayesian(
    domain: Domain, problem: Problem, batch: int, rules: Rules, model: Model,
    criterion_of: CriterionOf,
) -> SearchAlgorithm:
    """The skeleton: fit, propose, choose a batch by the criterion."""
    make = model.make or default_gp
    layout = model.layout or layout_of(domain)
    count = problem.num_objectives
    surrogate = make(layout, model.log_objectives or (False,) * count)
    single = make(layout, (False,))
    propose = model.propose or random_and_morphs(domain)

    def suggest(key: PRNGKey, archive: Archive) -> tuple[np.ndarray, SuggestInfo]:
        keys = jax.random.split(key, 5)
        admission = admission_of(domain, rules, archive, count)
        good = archive.measured
        if archive.size < rules.num_initial or good.sum() < 2:
            return finish(random_batch(keys[0], admission, batch))
        scale = admission.facts(archive.x).scale
        x, active, y, failed, mask = _padded(domain, archive, scale, model.tiers)
        with one_blas_thread():
            fitted = Fitted(
                surrogate, surrogate.fit(keys[0], x, active, y, mask), archive.y[good])
            # A program of its own pays off only once the data are many.
            labels, width = (single, 1) if len(x) > MANY else (surrogate, count)
            trouble = feasibility.fit(
                keys[1], labels, x, active, failed, mask, num_objectives=width)
            admission = admission._replace(feasible=functools.partial(
                feasibility.probability, labels, trouble, chunk=model.maximize.chunk))
            criterion = criterion_of(keys[2], fitted)
            scored = generator(keys[3]).random(batch) < model.rho
            key_pool, key_select = jax.random.split(keys[4])
            chosen = maximize.select(
                key_select, criterion, admission, propose(key_pool, archive),
                scored=scored, config=model.maximize)
        return finish(chosen, weights=criterion.weights,
                      nll=surrogate.nll(fitted.state))

    return SearchAlgorithm(suggest)


def _padded(
    domain: Domain, archive: Archive, scale: np.ndarray, tiers: tuple[int, ...]
) -> tuple[np.ndarray, ...]:
    """x, activity, objectives as multiples of `scale` [N, K], failure labels and mask
    at the surrogate's capacity."""
    size = capacity.tier(archive.size, tiers)
    active = np.asarray(domain.activity(archive.x), float)
    failed = (archive.status != status.OK).astype(float)
    y = capacity.pad(archive.y / scale, size, np.nan)
    return (capacity.pad(archive.x, size), capacity.pad(active, size), y,
            capacity.pad(failed, size), np.arange(size) < archive.size)


def sparse(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = SPARSE,
) -> SearchAlgorithm:
    """SpArSe: Thompson sampling under random Chebyshev scalarization.

    Every suggestion minimises max_k weights_k f_k of a posterior draw of its own with
    weights of its own, 1 / weights_k ~ Uniform[0, bounds_k], bounds being
    `problem.bounds` (Fedorov et al. 2019; Paria et al. 2019).
    """
    bounds = np.array(problem.bounds)

    def criterion(key: PRNGKey, fitted: Fitted) -> Criterion:
        weights = scalarize.box_weights(generator(key), bounds, batch)
        return criteria.thompson(fitted.surrogate, fitted.state, weights)

    return _bayesian(domain, problem, batch, rules, model, criterion)


def sparse_ucb(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = SPARSE, beta: float = 2.0,
) -> SearchAlgorithm:
    """SpArSe with confidence bounds in place of posterior draws."""
    bounds = np.array(problem.bounds)

    def criterion(key: PRNGKey, fitted: Fitted) -> Criterion:
        weights = scalarize.box_weights(generator(key), bounds, batch)
        return criteria.lower_bound(fitted.surrogate, fitted.state, weights, beta=beta)

    return _bayesian(domain, problem, batch, rules, model, criterion)


def qnparego(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = MODEL, num_draws: int = 64,
) -> SearchAlgorithm:
    """Batch ParEGO: expected improvement of augmented Chebyshev values of observed
    ranges, weights uniform on the simplex (Knowles 2006; Daulton et al. 2020)."""

    def criterion(key: PRNGKey, fitted: Fitted) -> Criterion:
        weights = scalarize.simplex_weights(
            generator(key), problem.num_objectives, batch)
        return criteria.expected_improvement(
            fitted.surrogate, fitted.state, fitted.y, weights, num_draws=num_draws)

    return _bayesian(domain, problem, batch, rules, model, criterion)


def ehvi(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = MODEL, num_draws: int = 32, num_directions: int = 256,
) -> SearchAlgorithm:
    """Expected improvement of the hypervolume below `problem.reference`, pick by pick.

    While nothing observed is below the reference it is moved up beyond the worst of the
    front, by a tenth of what was observed, so that there is something to improve.
    """
    reference = np.array(problem.reference)

    def criterion(key: PRNGKey, fitted: Fitted) -> Criterion:
        del key
        front = fitted.y[pareto.non_dominated(fitted.y)]
        bound = reference
        if not (front < reference).all(1).any():
            worst, spread = front.max(0), np.ptp(fitted.y, axis=0)
            margin = np.where(spread > 0, spread, np.maximum(abs(worst), 1e-9))
            bound = np.maximum(bound, worst + 0.1 * margin)
        return criteria.hypervolume_improvement(
            fitted.surrogate, fitted.state, front, bound, num_draws=num_draws,
            num_directions=num_directions)

    return _bayesian(domain, problem, batch, rules, model, criterion)
