"""Candidate pools: the prior, and local edits of good points."""

import math
from collections.abc import Callable

import jax
import numpy as np

from sparse_jax.host_random import generator
from sparse_jax.objectives import pareto
from sparse_jax.types import Archive, Domain, PRNGKey

Propose = Callable[[PRNGKey, Archive], np.ndarray]
"""(key, archive) -> [Q, D] canonical points."""
Parents = Callable[[Archive], np.ndarray]
"""(archive) -> [P, D] the points whose morphs may be proposed."""
Perturb = Callable[[PRNGKey, np.ndarray], np.ndarray]
"""(key, x [N, D]) -> [N, D] one random edit of each row."""


def front(archive: Archive) -> np.ndarray:
    """Pareto-optimal evaluated points, within the hard budgets if any is, [P, D]; of a
    single objective the best eighth."""
    inside = archive.within
    y = np.where(inside[:, None], archive.y, np.nan) if inside.any() else archive.y
    if y.shape[1] > 1:
        return archive.x[pareto.non_dominated(y)]
    order = np.argsort(y[:, 0], kind='stable')  # NaN comes last
    return archive.x[order[:math.ceil(np.isfinite(y).sum() / 8)]]


def everything(archive: Archive) -> np.ndarray:
    """All points that were measured, [P, D]."""
    return archive.x[archive.measured]


def front_and_everything(archive: Archive) -> np.ndarray:
    """Every measured point, and as many rows again of the front, [P, D]."""
    every = everything(archive)
    return np.concatenate([every, np.resize(front(archive), every.shape)])


def morphs(
    key: PRNGKey, perturb: Perturb, parents: np.ndarray, num: int, *, depth: int
) -> np.ndarray:
    """num descendants [num, D] of random parents [P, D], 1 to `depth` edits away."""
    key, key_parent = jax.random.split(key)
    rng = generator(key_parent)
    x = parents[rng.integers(len(parents), size=num)]
    edits = rng.integers(1, depth + 1, size=num)
    for i in range(depth):
        key, key_edit = jax.random.split(key)
        more = edits > i
        x = np.where(more[:, None], perturb(key_edit, x), x)
    return x


def random_and_morphs(
    domain: Domain, *, num_random: int = 512, num_morphs: int = 512, depth: int = 3,
    parents: Parents = front,
) -> Propose:
    """Draws from the prior beside morphs of the parents.

    Without any parent everything comes from the prior.
    """

    def propose(key: PRNGKey, archive: Archive) -> np.ndarray:
        key_random, key_morphs = jax.random.split(key)
        reference = parents(archive)
        if not len(reference):
            return domain.sample(key_random, num_random + num_morphs)
        parts = [morphs(
            key_morphs, domain.perturb, reference, num_morphs, depth=depth)]
        if num_random:
            parts.append(domain.sample(key_random, num_random))
        return np.concatenate(parts)

    return propose
