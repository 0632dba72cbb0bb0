"""Draws from the prior: the baseline of every comparison.

Independent unless the rules limit the groups of a batch: then later draws are siblings
of earlier ones, as for every other algorithm.
"""

import jax

from sparse_jax.search.algorithms.common import (
    RULES,
    Rules,
    assemble,
    finish,
    problem_of,
    random_batch,
)
from sparse_jax.types import Domain, SearchAlgorithm


def random_search(
    domain: Domain, *, num_objectives: int, batch: int, rules: Rules = RULES
) -> SearchAlgorithm:
    """Random search without repeats, within the rules."""

    def suggest(key, state):
        problem = problem_of(domain, rules, state, num_objectives)
        # The first of a split, as in the other algorithms: all start alike.
        return finish(random_batch(jax.random.split(key)[0], problem, batch))

    return assemble(domain, num_objectives, suggest)
