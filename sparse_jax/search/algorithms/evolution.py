"""Evolutionary algorithms without a model: regularised evolution and NSGA-II.

The population is a function of the archive, so that nothing else has to be kept and
a search can go on from any archive. Whoever is within the hard budgets precedes whoever
is not, and of those who are not the less they are over them (Deb 2000).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax.acquisition import scalarize
from sparse_jax.acquisition.batch import Batch
from sparse_jax.host_random import generator
from sparse_jax.objectives import pareto
from sparse_jax.search.algorithms.common import (
    RULES,
    Rules,
    admission_of,
    begins,
    finish,
    random_batch,
)
from sparse_jax.search.algorithms.model import MODEL, Model
from sparse_jax.types import (
    Archive,
    Domain,
    PRNGKey,
    Problem,
    SearchAlgorithm,
    SuggestInfo,
)

BROOD = 32
"""Children bred at once; the first that the rules admit is taken."""


class Population(NamedTuple):
    """Who may have children, N of them."""

    x: np.ndarray
    """[N, D]"""
    y: np.ndarray
    """[N, K] objectives."""
    excess: np.ndarray
    """[N] how far over the hard budgets, 0 within."""


Survivors = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(y [N, K], excess [N]) -> rows of the population, the fittest first where that
matters."""
Breed = Callable[[PRNGKey, Population, int], np.ndarray]
"""(key, population, pick) -> [BROOD, D] children."""
Breeds = Callable[[PRNGKey], tuple[np.ndarray | None, Breed]]
"""(key) -> scalarization weights [B, K] of the picks, if any, and how to breed."""


def _evolutionary(
    domain: Domain, problem: Problem, batch: int, rules: Rules, breeds: Breeds,
    survivors: Survivors,
) -> SearchAlgorithm:
    """The skeleton: a population, its children, those of them that the rules admit."""

    def suggest(key: PRNGKey, archive: Archive) -> tuple[np.ndarray, SuggestInfo]:
        key_random, key_breeds, key_pick = jax.random.split(key, 3)
        admission = admission_of(domain, rules, archive, problem)
        if begins(rules, archive):
            return finish(random_batch(key_random, admission, batch))
        good = np.flatnonzero(archive.measured)
        good = good[survivors(archive.y[good], archive.excess[good])]
        parents = Population(archive.x[good], archive.y[good], archive.excess[good])
        weights, breed = breeds(key_breeds)
        chosen = Batch(admission)
        for i, key in enumerate(jax.random.split(key_pick, batch)):
            if not _add_child(key, chosen, lambda k, i=i: breed(k, parents, i)):
                break
        return finish(chosen, weights=weights)

    return SearchAlgorithm(suggest)


def _add_child(
    key: PRNGKey, batch: Batch, breed: Callable[[PRNGKey], np.ndarray], *,
    tries: int = 16,
) -> bool:
    """Add the first admissible child of several broods, else a random point; False if
    the space is used up."""
    for key_try in jax.random.split(key, tries):
        x = batch.admissible(breed(key_try))
        if len(x):
            batch.append(x[0])
            return True
    return batch.pick_random(jax.random.fold_in(key, tries))


def aging_evolution(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = MODEL, population: int = 100, tournament: int = 25,
) -> SearchAlgorithm:
    """Regularised evolution with random scalarization, as in uNAS.

    Every child is one edit of the winner of a tournament among the youngest
    `population` successful trials (Real et al. 2019); the winner has the smallest
    max_k f_k / (bounds_k u_k), u_k ~ Uniform[0, 1] (Liberis et al. 2021).
    """
    del model
    bounds = np.array(problem.bounds)

    def breeds(key: PRNGKey) -> tuple[np.ndarray, Breed]:
        weights = scalarize.box_weights(generator(key), bounds, batch)

        def breed(key: PRNGKey, parents: Population, i: int) -> np.ndarray:
            key_parent, key_edit = jax.random.split(key)
            rng, num = generator(key_parent), len(parents.x)
            fitness = np.asarray(scalarize.chebyshev(weights[i], parents.y))
            place = np.empty(num, int)
            place[np.lexsort((fitness, parents.excess))] = np.arange(num)
            size = min(tournament, num)
            winners = [min(rng.choice(num, size, replace=False), key=place.__getitem__)
                       for _ in range(BROOD)]
            return domain.perturb(key_edit, parents.x[winners])

        return weights, breed

    survivors = lambda y, excess: np.arange(len(y))[-population:]
    return _evolutionary(domain, problem, batch, rules, breeds, survivors)


def nsga2(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = MODEL, population: int = 50, crossover: float = 0.9,
) -> SearchAlgorithm:
    """NSGA-II (Deb et al. 2002) with `batch` children per generation.

    The parents survive by rank, then crowding; mates win binary tournaments; a child
    takes each coordinate from either mate with probability `crossover`, else it is a
    copy, and is then edited once, which also makes it canonical.
    """
    del model

    def breed(key: PRNGKey, parents: Population, i: int) -> np.ndarray:
        del i
        x = parents.x
        key_parent, key_edit = jax.random.split(key)
        rng = generator(key_parent)
        # Rows come sorted by fitness: the smaller index wins its tournament.
        mates = rng.integers(len(x), size=(2, BROOD, 2)).min(2)
        mixed = rng.random((BROOD, 1)) < crossover
        other = mixed & (rng.random((BROOD, x.shape[1])) < 0.5)
        return domain.perturb(key_edit, np.where(other, x[mates[1]], x[mates[0]]))

    return _evolutionary(domain, problem, batch, rules,
                         lambda key: (None, breed),
                         lambda *figures: fittest(*figures)[:population])


def fittest(y: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Rows of y [N, K] by excess [N] over budgets, of equal excess by front, within a
    front by crowding distance, [N]."""
    ranks, distance = pareto.ranks(y), np.zeros(len(y))
    for rank in np.unique(ranks):
        distance[ranks == rank] = pareto.crowding(y[ranks == rank])
    return np.lexsort((-distance, ranks, excess))
