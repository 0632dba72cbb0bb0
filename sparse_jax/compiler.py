"""Options of the compiler: those that this version of XLA has, and those under which a
program gives the same numbers every time."""

import functools
import threading

import jax
import numpy as np

from sparse_jax.efforts import Effort

_ASKING = threading.Lock()
SUMS_IN_ONE_PART: Effort = {
    'xla_cpu_experimental_ynn_fusion_type': 'LIBRARY_FUSION_TYPE_DOT'}
"""What XLA leaves to its library for a CPU: products alone."""
SUMS_IN_ORDER: Effort = {'xla_gpu_exclude_nondeterministic_ops': True}
"""On a GPU no call of a library that adds up in an order of its own every time."""


def repeatable(platform: str, effort: Effort | None = None) -> Effort:
    """Options under which a program gives the same numbers every time and on any
    number of cores.

    On a CPU XLA leaves sums to a library that adds them up in as many parts as the
    process has threads: with another number of cores they round differently. Products
    stay with that library, which splits them along their rows and columns alone; those
    that it does not take are for `ops.product`. Without a version of XLA that knows the
    option, results depend on the cores.

    Args:
      platform: 'cpu', 'gpu' or 'tpu'.
      effort: on a CPU, where short programs wait for the compiler; None for its full
        one.
    """
    if platform == 'cpu':
        return known(SUMS_IN_ONE_PART | (effort or {}))
    return known(SUMS_IN_ORDER) if platform == 'gpu' else {}


def known(options: Effort) -> Effort:
    """Those of some options that this version of XLA takes; it need not be a CPU's."""
    # One thread at a time: an option is asked for once per process.
    with _ASKING:
        return {
            name: value for name, value in options.items() if _is_known(name, value)}


@functools.cache
def _is_known(name: str, value: str | bool) -> bool:
    # Of 32 bits whatever the caller's: one program, which the cache then has.
    lowered = jax.jit(lambda x: x).lower(np.float32(0))
    try:
        lowered.compile(compiler_options={name: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True
