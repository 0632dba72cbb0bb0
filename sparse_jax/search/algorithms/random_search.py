"""Draws from the prior: the baseline of every comparison.

Independent unless the rules limit the groups of a batch: then later draws are siblings
of earlier ones, as for every other algorithm.
"""

import jax
import numpy as np

from sparse_jax.search.algorithms.common import (
    RULES,
    Rules,
    admission_of,
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


def random_search(
    domain: Domain, problem: Problem, *, batch: int, rules: Rules = RULES,
    model: Model = MODEL,
) -> SearchAlgorithm:
    """Random search without repeats, within the rules; without a model."""
    del model

    def suggest(key: PRNGKey, archive: Archive) -> tuple[np.ndarray, SuggestInfo]:
        admission = admission_of(domain, rules, archive, problem)
        # The first of a split, as in the other algorithms: all start alike.
        return finish(random_batch(jax.random.split(key)[0], admission, batch))

    return SearchAlgorithm(suggest)
