"""Model-based algorithms: one skeleton, one acquisition criterion each."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.acquisition import criteria, maximize, scalarize
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.propose import Propose, random_and_morphs
from sparse_jax.host_random import generator
from sparse_jax.objectives import pareto
from sparse_jax.search.algorithms.common import (
    RULES,
    Rules,
    assemble,
    finish,
    problem_of,
    random_batch,
)
from sparse_jax.surrogate import capacity, feasibility
from sparse_jax.surrogate.base import Surrogate
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.surrogate.threads import one_blas_thread
from sparse_jax.types import Domain, SearchAlgorithm, SearchState

MANY = 128
"""Capacity up to which failures are modelled by the objectives' own programs."""


class Model(NamedTuple):
    """How a model-based algorithm models and searches."""

    log_objectives: tuple[bool, ...] | None = None
    """Objectives modelled on a logarithmic scale; None for none."""
    make: Callable[..., Surrogate] | None = None
    """(layout, log) -> Surrogate; None for the Gaussian process with its defaults."""
    layout: Layout | None = None
    """Which dimensions are discrete or conditional; None to read it off the domain."""
    propose: Propose | None = None
    """First candidates; None for draws from the prior and morphs of the front."""
    rho: float = 1.0
    """Probability that a suggestion comes from the model, else it is random."""
    maximize: MaximizeConfig = MaximizeConfig()
    tiers: tuple[int, ...] = capacity.TIERS
    """Capacities of the surrogate; one compilation each."""


MODEL = Model()
SPARSE = Model(rho=0.9)


class Fitted(NamedTuple):
    """A fitted surrogate beside the successful observations."""

    surrogate: Surrogate
    state: Any
    y: np.ndarray
    """[N, K] successful observations."""


def layout_of(domain: Domain, kind: str = 'neutral') -> Layout:
    """The surrogate's view of a domain; which dimensions are conditional is read off
    draws from the prior."""
    rows = domain.activity(domain.sample(jax.random.key(0), 512))
    return Layout(
        tuple(map(int, domain.levels)), tuple(map(bool, domain.categorical)),
        tuple(map(bool, ~np.asarray(rows).all(0))), kind)


def _default_gp(layout, log):
    # Importing gpjax starts the devices; several hosts must have been joined before.
    from sparse_jax.surrogate.gp import GPConfig, gp

    return gp(GPConfig(layout, log))


def _bayesian(domain, num_objectives, batch, rules, model, criterion_of):
    """The skeleton: fit, propose, choose a batch by the criterion."""
    make = model.make or _default_gp
    layout = model.layout or layout_of(domain)
    surrogate = make(layout, model.log_objectives or (False,) * num_objectives)
    single = make(layout, (False,))
    propose = model.propose or random_and_morphs(domain)

    def suggest(key, state):
        keys = jax.random.split(key, 5)
        problem = problem_of(domain, rules, state, num_objectives)
        good = ~np.isnan(state.y[: state.count]).any(1)
        if state.count < rules.num_initial or good.sum() < 2:
            return finish(random_batch(keys[0], problem, batch))
        scale = problem.facts(state.x[: state.count]).scale
        x, active, y, failed, mask = _padded(domain, state, scale, model.tiers)
        with one_blas_thread():
            fitted = Fitted(surrogate, surrogate.fit(keys[0], x, active, y, mask),
                            state.y[: state.count][good])
            # A program of its own pays off only once the data are many.
            labels, width = (
                (single, 1) if len(x) > MANY else (surrogate, num_objectives))
            trouble = feasibility.fit(
                keys[1], labels, x, active, failed, mask, num_objectives=width)
            problem = problem._replace(feasible=functools.partial(
                feasibility.probability, labels, trouble, chunk=model.maximize.chunk))
            criterion = criterion_of(keys[2], fitted)
            scored = generator(keys[3]).random(batch) < model.rho
            key_pool, key_select = jax.random.split(keys[4])
            chosen = maximize.select(
                key_select, criterion, problem, propose(key_pool, state),
                scored=scored, config=model.maximize)
        return finish(chosen, weights=criterion.weights,
                      nll=surrogate.nll(fitted.state))

    return assemble(domain, num_objectives, suggest)


def _padded(domain: Domain, state: SearchState, scale: np.ndarray, tiers):
    """x, activity, objectives as multiples of `scale` [N, K], failure labels and mask
    at the surrogate's capacity."""
    count = state.count
    size = capacity.tier(count, tiers)
    x = state.x[:count]
    active = np.asarray(domain.activity(x), float)
    failed = (state.status[:count] != status.OK).astype(float)
    y = capacity.pad(state.y[:count] / scale, size, np.nan)
    return (capacity.pad(x, size), capacity.pad(active, size), y,
            capacity.pad(failed, size), np.arange(size) < count)


def mobo(
    domain: Domain, *, bounds: np.ndarray, batch: int, rules: Rules = RULES,
    model: Model = SPARSE,
) -> SearchAlgorithm:
    """SpArSe: Thompson sampling under random Chebyshev scalarization.

    Every suggestion minimises max_k weights_k f_k of a posterior draw of its own with
    weights of its own, 1 / weights_k ~ Uniform[0, bounds_k], bounds [K] being the
    user's soft budgets (Fedorov et al. 2019; Paria et al. 2019).
    """
    bounds = np.asarray(bounds, float)

    def criterion(key, fitted):
        weights = scalarize.box_weights(generator(key), bounds, batch)
        return criteria.thompson(fitted.surrogate, fitted.state, weights)

    return _bayesian(domain, len(bounds), batch, rules, model, criterion)


def sparse_ucb(
    domain: Domain, *, bounds: np.ndarray, batch: int, rules: Rules = RULES,
    model: Model = SPARSE, beta: float = 2.0,
) -> SearchAlgorithm:
    """SpArSe with confidence bounds in place of posterior draws."""
    bounds = np.asarray(bounds, float)

    def criterion(key, fitted):
        weights = scalarize.box_weights(generator(key), bounds, batch)
        return criteria.lower_bound(fitted.surrogate, fitted.state, weights, beta=beta)

    return _bayesian(domain, len(bounds), batch, rules, model, criterion)


def qnparego(
    domain: Domain, *, num_objectives: int, batch: int, rules: Rules = RULES,
    model: Model = MODEL, num_draws: int = 64,
) -> SearchAlgorithm:
    """Batch ParEGO: expected improvement of augmented Chebyshev values of observed
    ranges, weights uniform on the simplex (Knowles 2006; Daulton et al. 2020)."""

    def criterion(key, fitted):
        weights = scalarize.simplex_weights(generator(key), num_objectives, batch)
        return criteria.expected_improvement(
            fitted.surrogate, fitted.state, fitted.y, weights, num_draws=num_draws)

    return _bayesian(domain, num_objectives, batch, rules, model, criterion)


def ehvi(
    domain: Domain, *, reference: np.ndarray, batch: int, rules: Rules = RULES,
    model: Model = MODEL, num_draws: int = 32, num_directions: int = 256,
) -> SearchAlgorithm:
    """Expected hypervolume improvement below reference [K], greedy within the batch.

    While nothing observed is below the reference it is moved up beyond the worst of the
    front, by a tenth of what was observed, so that there is something to improve.
    """
    reference = np.asarray(reference, float)

    def criterion(key, fitted):
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

    return _bayesian(domain, len(reference), batch, rules, model, criterion)
