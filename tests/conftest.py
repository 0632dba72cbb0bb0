"""Shared test settings: two simulated CPU devices and a persistent compile cache."""

import os

import pytest

os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import jax  # noqa: E402

from sparse_jax.paths import private_cache  # noqa: E402

_CACHE = os.environ.get('SPARSE_JAX_TEST_CACHE') or private_cache('test_xla')

jax.config.update('jax_num_cpu_devices', 2)
jax.config.update('jax_compilation_cache_dir', str(_CACHE))
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.2)
jax.config.update('jax_persistent_cache_min_entry_size_bytes', 0)


@pytest.fixture
def key():
    """A fixed root key; tests fold their own constants into it."""
    return jax.random.key(0)
