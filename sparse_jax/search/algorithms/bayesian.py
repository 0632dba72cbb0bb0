"""Model-based algorithms: one skeleton, one acquisition criterion each."""

from collections.abc import Callable

import jax
import numpy as np

from sparse_jax.acquisition import criteria, maximize, scalarize, scoring
from sparse_jax.acquisition.propose import random_and_morphs
from sparse_jax.acquisition.scoring import Criterion, Facts, Pending
from sparse_jax.host_random import generator, root_key
from sparse_jax.objectives import pareto
from sparse_jax.search.algorithms.common import (
    RULES,
    Rules,
    admission_of,
    begins,
    finish,
    random_batch,
)
from sparse_jax.search.algorithms.fitted import (
    Fitted,
    Models,
    expectation,
    informed,
    models_of,
    padded,
)
from sparse_jax.search.algorithms.model import MODEL, Model
from sparse_jax.search.algorithms.modelled import modelled
from sparse_jax.surrogate import capacity
from sparse_jax.surrogate.threads import one_blas_thread
from sparse_jax.types import (
    Archive,
    Domain,
    PRNGKey,
    Problem,
    SearchAlgorithm,
    SuggestInfo,
)

SPARSE = Model(rho=0.9)


CriterionOf = Callable[[PRNGKey, Fitted], Criterion]
"""(key, fitted) -> what decides a batch."""


def _bayesian(
    domain: Domain, problem: Problem, batch: int, rules: Rules, model: Model,
    criterion_of: CriterionOf,
) -> SearchAlgorithm:
    """The skeleton: fit, propose, choose a batch by the criterion."""
    models = models_of(domain, problem, model)
    propose = model.propose or random_and_morphs(domain)

    def suggest(key: PRNGKey, archive: Archive) -> tuple[np.ndarray, SuggestInfo]:
        keys = jax.random.split(key, 5)
        admission = admission_of(domain, rules, archive, problem)
        if begins(rules, archive):
            return finish(random_batch(keys[0], admission, batch))
        with one_blas_thread():
            seen = modelled(archive, model.most_rows)
            data = padded(domain, seen, admission.facts(seen.x).scale, model.tiers)
            fitted = Fitted(
                models.surrogate, models.surrogate.fit(keys[0], *data.observations),
                archive.y[archive.measured], archive.y[archive.within])
            admission = informed(keys[1], admission, models, fitted, data, problem)
            criterion = criterion_of(keys[2], fitted)
            scored = generator(keys[3]).random(batch) < model.rho
            key_pool, key_select = jax.random.split(keys[4])
            chosen = maximize.select(
                key_select, criterion, admission, propose(key_pool, archive),
                scored=scored, config=model.maximize, pending=archive.pending,
                room=rules.pending)
            expected = expectation(models, fitted, admission, chosen.points)
        return finish(chosen, weights=criterion.weights,
                      nll=np.asarray(models.surrogate.nll(fitted.state)),
                      predicted=expected[:, :problem.num_objectives])

    return SearchAlgorithm(
        suggest, _compiler(domain, batch + rules.pending, model, models, criterion_of))


def _compiler(
    domain: Domain, size: int, model: Model, models: Models, criterion_of: CriterionOf
) -> Callable[[int], None]:
    """(number of trials) -> nothing: runs the programs of a suggestion on two made up
    points, which compiles them for every archive of that capacity.

    size: picks and pending points that are imagined at once.
    """
    done: set[int] = set()

    def compile_(trials: int) -> None:
        rows = capacity.tier(min(trials, model.most_rows or trials), model.tiers)
        if rows in done:
            return
        done.add(rows)
        key, x = root_key(0), np.full((rows, domain.dim), 0.5)
        y = np.full((rows, models.width), np.nan)
        y[:2] = [[1.0], [2.0]]
        points = np.full((models.chunk, domain.dim), 0.5)
        nothing = Facts.nothing(models.chunk, models.width)
        with one_blas_thread():
            state = models.surrogate.fit(
                key, x, np.ones_like(x), y, np.arange(rows) < 2)
            known = y[:2, : models.objectives]
            criterion = criterion_of(
                key, Fitted(models.surrogate, state, known, known))
            found = scoring.points_of(
                criterion, points, np.ones_like(points), nothing, chunk=models.chunk)
            pending = Pending(jax.tree.map(
                lambda a: np.resize(a, (size, *a.shape[1:])), found),
                              np.zeros(size, bool))
            scoring.score(criterion, criterion.prepare(key, 0, pending), found,
                          chunk=model.maximize.chunk)
            models.surrogate.predict(state, points, np.ones_like(points))

    return compile_


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
