"""Shared test settings: two simulated CPU devices and a persistent compile cache."""

import os

import pytest

os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import jax  # noqa: E402

from sparse_jax.paths import private_cache  # noqa: E402

# Most of the suite's time is compilation, which takes two thirds without the emitters
# that short trainings do without as well. Not for processes that tests start.
# Builds for other devices may not know the flag.
_FLAGS = os.environ.get('XLA_FLAGS')
if os.environ['JAX_PLATFORMS'] == 'cpu':
    os.environ['XLA_FLAGS'] = f'--xla_cpu_use_fusion_emitters=false {_FLAGS or ""}'

_CACHE = os.environ.get('SPARSE_JAX_TEST_CACHE') or private_cache('test_xla')

jax.config.update('jax_num_cpu_devices', 2)
jax.config.update('jax_compilation_cache_dir', str(_CACHE))
# The suite compiles thousands of single operations, each of which takes longer to
# compile than to read.
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
jax.config.update('jax_persistent_cache_min_entry_size_bytes', 0)

# XLA reads its flags when the devices start.
jax.devices()
if _FLAGS is None:
    os.environ.pop('XLA_FLAGS', None)
else:
    os.environ['XLA_FLAGS'] = _FLAGS


@pytest.fixture
def key():
    """A fixed root key; tests fold their own constants into it."""
    return jax.random.key(0)
