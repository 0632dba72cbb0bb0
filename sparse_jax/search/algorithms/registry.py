"""The search algorithms by name, and everybody's own: one signature for all."""

from typing import Protocol

from sparse_jax import factories
from sparse_jax.search.algorithms.bayesian import ehvi, qnparego, sparse, sparse_ucb
from sparse_jax.search.algorithms.common import Rules
from sparse_jax.search.algorithms.evolution import aging_evolution, nsga2
from sparse_jax.search.algorithms.model import Model
from sparse_jax.search.algorithms.random_search import random_search
from sparse_jax.types import Domain, Problem, SearchAlgorithm


class Factory(Protocol):
    """What makes a search algorithm, for the library's own and for others alike."""

    def __call__(
        self, domain: Domain, problem: Problem, /, *, batch: int, rules: Rules,
        model: Model,
    ) -> SearchAlgorithm:
        """A search algorithm.

        Args:
          domain: the space; points are rows of [0, 1]^D.
          problem: what is minimised.
          batch: B, how many points one suggestion has.
          rules: what holds for every algorithm; they are the factory's to keep.
          model: settings of the surrogate; an algorithm without one ignores them.
        """
        ...


ALGORITHMS: dict[str, Factory] = {
    'sparse': sparse,
    'sparse_ucb': sparse_ucb,
    'qnparego': qnparego,
    'ehvi': ehvi,
    'aging_evolution': aging_evolution,
    'nsga2': nsga2,
    'random': random_search,
}
"""Values of `search.algorithm`; an entry is all that an algorithm here needs."""


def find(name: str) -> Factory:
    """The factory of a name of `ALGORITHMS`, or of a person's own MODULE:FACTORY.

    Raises:
      ValueError: one line: there is no such factory, or it takes other arguments.
    """
    factory = factories.find(name, ALGORITHMS)
    factories.check_arguments(
        name, factory, 'a function of (domain, problem, *, batch, rules, model)',
        None, None, batch=1, rules=None, model=None)
    return factory


def make(
    name: str, domain: Domain, problem: Problem, *, batch: int, rules: Rules,
    model: Model,
) -> SearchAlgorithm:
    """The algorithm of a name, see `find` and `Factory`.

    Raises:
      ValueError: one line: there is none, or its factory gives something else.
    """
    made = factories.call(
        name, find(name), domain, problem, batch=batch, rules=rules, model=model)
    if not isinstance(made, SearchAlgorithm):
        raise ValueError(
            f'{name!r} gives {made!r:.40}; allowed: a SearchAlgorithm')
    if factories.is_own(name) and not callable(made.suggest):
        raise ValueError(f'{name!r} gives a SearchAlgorithm whose suggest is '
                         f'{made.suggest!r:.40}; allowed: a function of (key, archive)')
    return made
