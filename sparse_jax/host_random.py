"""Root keys, and random numbers on the host that are functions of JAX keys.

Equal seeds must give equal numbers in every process. What a key draws depends on the
generator that it is of and on how JAX counts through it, both of which the environment
can change: the generator is named here, the counting is in `digest`, which a study
keeps.
"""

import hashlib

import jax
import numpy as np

IMPLEMENTATION = 'threefry2x32'
"""Of all keys of a search, whatever `jax_default_prng_impl` says."""


def root_key(seed: int) -> jax.Array:
    """A key of the library's own generator."""
    return jax.random.key(seed, impl=IMPLEMENTATION)


def wrap(key_data: jax.Array) -> jax.Array:
    """[..., 2] uint32 -> keys [...] of the library's own generator."""
    return jax.random.wrap_key_data(key_data, impl=IMPLEMENTATION)


def generator(key: jax.Array) -> np.random.Generator:
    """A NumPy generator that is a function of a JAX key, which is consumed."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def digest() -> str:
    """Changes with the numbers that this process draws from equal keys.

    Of whole numbers alone: it is the same on all devices.
    """
    key = root_key(0)
    drawn = [jax.random.key_data(jax.random.split(key, 3)),
             jax.random.key_data(jax.random.fold_in(key, 7)),
             jax.random.bits(key, (5,)), jax.random.permutation(key, 16)]
    found = hashlib.sha256()
    for array in drawn:
        found.update(np.asarray(array, np.uint32).tobytes())
    return found.hexdigest()[:16]
