"""The unit cube as a search domain: continuous, unconditional, one group."""

import numpy as np

from sparse_jax.host_random import generator
from sparse_jax.types import Domain, PRNGKey

SCALES = (1e-3, 0.3)
"""Range of the standard deviation of a local step, log-uniform."""


def cube_domain(dim: int) -> Domain:
    """[0, 1]^dim: uniform draws, steps of many sizes."""

    def sample(key: PRNGKey, num: int) -> np.ndarray:
        return generator(key).random((num, dim))

    def perturb(key: PRNGKey, x: np.ndarray) -> np.ndarray:
        rng = generator(key)
        x = np.asarray(x, float)
        low, high = np.log(SCALES)
        scale = np.exp(rng.uniform(low, high, (len(x), 1)))
        # One coordinate at least, each other one with a chance of its own per row.
        chance = rng.random((len(x), 1))
        moved = rng.random(x.shape) < chance
        moved[np.arange(len(x)), rng.integers(dim, size=len(x))] = True
        step = scale * rng.standard_normal(x.shape)
        return np.clip(np.where(moved, x + step, x), 0.0, 1.0)

    return Domain(
        dim, np.zeros(dim, int), np.zeros(dim, bool), sample, perturb,
        lambda x: np.ones(np.shape(x), bool), lambda x: [0] * len(x),
        lambda key, x, num: sample(key, num))
