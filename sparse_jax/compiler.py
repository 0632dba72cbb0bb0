"""Which options of the compiler this version of XLA has."""

import functools
import threading

import jax
import numpy as np

from sparse_jax.efforts import Effort

_ASKING = threading.Lock()


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
