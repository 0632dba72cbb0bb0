"""Random numbers on the host that are functions of JAX keys."""

import jax
import numpy as np


def generator(key: jax.Array) -> np.random.Generator:
    """A NumPy generator that is a function of a JAX key, which is consumed."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
