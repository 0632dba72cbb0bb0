"""Model-based algorithms: one skeleton, one acquisition criterion each."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax.acquisition import criteria, maximize, scalarize, scoring
from sparse_jax.acquisition.admission import Admission
from sparse_jax.acquisition.budgets import capped, within_budgets
from sparse_jax.acquisition.propose import random_and_morphs
from sparse_jax.acquisition.scoring import Criterion, Facts, Pending
from sparse_jax.host_random import generator, root_key
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
    """A fitted surrogate beside the observations that have objectives."""

    surrogate: Surrogate
    state: Any
    y: np.ndarray
    """[N, K] of all of them."""
    inside: np.ndarray
    """[P, K] of those within the hard budgets; of all where there are none."""


CriterionOf = Callable[[PRNGKey, Fitted], Criterion]
"""(key, fitted) -> what decides a batch."""


def _bayesian(
    domain: Domain, problem: Problem, batch: int, rules: Rules, model: Model,
    criterion_of: CriterionOf,
) -> SearchAlgorithm:
    """The skeleton: fit, propose, choose a batch by the criterion."""
    models = _models_of(domain, problem, model)
    propose = model.propose or random_and_morphs(domain)

    def suggest(key: PRNGKey, archive: Archive) -> tuple[np.ndarray, SuggestInfo]:
        keys = jax.random.split(key, 5)
        admission = admission_of(domain, rules, archive, problem)
        if archive.size < rules.num_initial or archive.measured.sum() < 2:
            return finish(random_batch(keys[0], admission, batch))
        scale = admission.facts(archive.x).scale
        data = _padded(domain, archive, scale, model.tiers)
        with one_blas_thread():
            fitted = Fitted(
                models.surrogate, models.surrogate.fit(keys[0], *data.observations),
                archive.y[archive.measured], archive.y[archive.within])
            admission = _informed(keys[1], admission, models, fitted, data, problem)
            criterion = criterion_of(keys[2], fitted)
            scored = generator(keys[3]).random(batch) < model.rho
            key_pool, key_select = jax.random.split(keys[4])
            chosen = maximize.select(
                key_select, criterion, admission, propose(key_pool, archive),
                scored=scored, config=model.maximize)
            expected = _expected(models, fitted, admission, chosen.points)
        return finish(chosen, weights=criterion.weights,
                      nll=np.asarray(models.surrogate.nll(fitted.state)),
                      predicted=expected[:, :problem.num_objectives])

    return SearchAlgorithm(
        suggest, _compiler(domain, batch, model, models, criterion_of))


class _Models(NamedTuple):
    """The surrogates of one algorithm."""

    surrogate: Surrogate
    """Of K objectives and C further costs."""
    single: Surrogate
    """Of one column."""
    objectives: int
    """K."""
    width: int
    """K + C."""
    chunk: int
    """Points predicted at once."""


def _models_of(domain: Domain, problem: Problem, model: Model) -> _Models:
    """Further costs are modelled on a logarithmic scale."""
    make, layout = model.make or default_gp, model.layout or layout_of(domain)
    log = model.log_objectives or (False,) * problem.num_objectives
    log += (True,) * problem.num_further
    return _Models(make(layout, log), make(layout, (False,)), problem.num_objectives,
                   len(log), model.maximize.chunk)


def _compiler(
    domain: Domain, batch: int, model: Model, models: _Models, criterion_of: CriterionOf
) -> Callable[[int], None]:
    """(number of trials) -> nothing: runs the programs of a suggestion on two made up
    points, which compiles them for every archive of that capacity."""
    done: set[int] = set()

    def compile_(trials: int) -> None:
        size = capacity.tier(trials, model.tiers)
        if size in done:
            return
        done.add(size)
        key, x = root_key(0), np.full((size, domain.dim), 0.5)
        y = np.full((size, models.width), np.nan)
        y[:2] = [[1.0], [2.0]]
        points = np.full((models.chunk, domain.dim), 0.5)
        nothing = Facts.nothing(models.chunk, models.width)
        pending = Pending(np.zeros((batch, domain.dim)), np.zeros((batch, domain.dim)),
                          Facts.nothing(batch, models.width), np.zeros(batch, bool))
        with one_blas_thread():
            state = models.surrogate.fit(
                key, x, np.ones_like(x), y, np.arange(size) < 2)
            known = y[:2, : models.objectives]
            criterion = criterion_of(
                key, Fitted(models.surrogate, state, known, known))
            scoring.score(criterion, criterion.prepare(key, 0, pending), points,
                          np.ones_like(points), nothing, chunk=models.chunk)
            models.surrogate.predict(state, points, np.ones_like(points))

    return compile_


def _informed(
    key: PRNGKey, admission: Admission, models: _Models, fitted: Fitted, data: '_Data',
    problem: Problem,
) -> Admission:
    """The rules with what the models know of failures and of hard budgets.

    A criterion judges a point as if it were within the budgets, and its gain is
    weighted by the probability that it is: while nothing is, as after, the search looks
    for the best inside.
    """
    # A program of its own pays off only once the data are many.
    labels, width = ((models.single, 1) if len(data.x) > MANY
                     else (models.surrogate, models.width))
    trouble = feasibility.fit(
        key, labels, data.x, data.active, data.failed, data.mask, num_objectives=width)
    trains = functools.partial(
        feasibility.probability, labels, trouble, chunk=models.chunk)
    if not problem.budgets:
        return admission._replace(feasible=trains)
    budgets, facts = np.array(problem.budgets), admission.facts

    def feasible(x: np.ndarray, active: np.ndarray) -> np.ndarray:
        inside = within_budgets(fitted.surrogate, fitted.state, x, active, facts(x),
                                budgets, chunk=models.chunk)
        return trains(x, active) * inside

    return admission._replace(
        feasible=feasible, facts=lambda x: capped(facts(x), budgets))


def _expected(
    models: _Models, fitted: Fitted, admission: Admission, x: np.ndarray
) -> np.ndarray:
    """[B, K + C] what the models expect of a batch x [B, D], in the figures' own units;
    medians of those that are modelled as logarithms."""
    active = np.asarray(admission.domain.activity(x), np.float64)
    values = np.zeros((len(x), models.width))
    for start in range(0, len(x), models.chunk):
        # As many rows as budgets and failures are predicted for: one program.
        rows = np.arange(start, start + models.chunk) % len(x)
        mean = models.surrogate.predict(fitted.state, x[rows], active[rows]).mean
        values[rows] = np.asarray(models.surrogate.unwarp(fitted.state, mean)).T
    return values * admission.facts(x).scale


class _Data(NamedTuple):
    """An archive at the capacity of a surrogate; N rows, those past it empty."""

    x: np.ndarray
    """[N, D]"""
    active: np.ndarray
    """[N, D]"""
    y: np.ndarray
    """[N, K + C] objectives and further costs, as multiples of their scales."""
    failed: np.ndarray
    """[N] 1 where nothing was measured."""
    mask: np.ndarray
    """[N] bool: rows that are no padding."""

    @property
    def observations(self) -> tuple[np.ndarray, ...]:
        """What a surrogate is fitted to."""
        return self.x, self.active, self.y, self.mask


def _padded(
    domain: Domain, archive: Archive, scale: np.ndarray, tiers: tuple[int, ...]
) -> _Data:
    """The archive at the surrogate's capacity; scale [N, K + C]."""
    size = capacity.tier(archive.size, tiers)
    active = np.asarray(domain.activity(archive.x), float)
    y = np.concatenate([archive.y, archive.further], axis=1)
    return _Data(
        capacity.pad(archive.x, size), capacity.pad(active, size),
        capacity.pad(y / scale, size, np.nan),
        capacity.pad((~archive.measured).astype(float), size),
        np.arange(size) < archive.size)


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
            fitted.surrogate, fitted.state,
            fitted.inside if len(fitted.inside) else fitted.y, weights,
            num_draws=num_draws)

    return _bayesian(domain, problem, batch, rules, model, criterion)


def ehvi(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = MODEL, num_draws: int = 32, num_directions: int = 256,
) -> SearchAlgorithm:
    """Expected improvement of the hypervolume below `problem.reference`, pick by pick.

    While nothing observed is below the reference it is moved up beyond the worst of the
    front, by a tenth of what was observed, so that there is something to improve.
    """
    def criterion(key: PRNGKey, fitted: Fitted) -> Criterion:
        del key
        front = fitted.inside[pareto.non_dominated(fitted.inside)]
        bound = _bound(problem, fitted, front)
        # The front inside may be empty, or far from the end: everything has a scale.
        low = np.minimum(fitted.y.min(0), 0.5 * bound) if problem.budgets else None
        return criteria.hypervolume_improvement(
            fitted.surrogate, fitted.state, front, bound, num_draws=num_draws,
            num_directions=num_directions, low=low)

    return _bayesian(domain, problem, batch, rules, model, criterion)


def _bound(problem: Problem, fitted: Fitted, front: np.ndarray) -> np.ndarray:
    """[K] where improvements end: the reference, moved up while the front [P, K] has
    nothing below it, but not past a hard budget.

    With hard budgets the reference stays where it is as soon as anything, within them
    or not, is below it in all else: that much can be had, and less inside the budgets
    is no gain.
    """
    reference = np.array(problem.reference)
    if (front < reference).all(1).any():
        return reference
    most = np.array(problem.budgets[:problem.num_objectives] or [np.inf])
    if problem.budgets and (fitted.y < np.where(
            np.isfinite(most), np.inf, reference)).all(1).any():
        return np.maximum(reference, np.where(np.isfinite(most), most, -np.inf))
    if not len(front):
        front = fitted.y[pareto.non_dominated(fitted.y)]
    worst, spread = front.max(0), np.ptp(fitted.y, axis=0)
    margin = np.where(spread > 0, spread, np.maximum(abs(worst), 1e-9))
    moved = np.maximum(reference, worst + 0.1 * margin)
    return np.minimum(moved, np.maximum(reference, most))
