"""Which options of the compiler this version of XLA has."""

import functools

import jax

from sparse_jax.efforts import Effort


def known(options: Effort) -> Effort:
    """Those of some options that this version of XLA takes; it need not be a CPU's."""
    return {name: value for name, value in options.items() if _is_known(name, value)}


@functools.cache
def _is_known(name: str, value: str | bool) -> bool:
    try:
        jax.jit(lambda x: x).lower(0.0).compile(compiler_options={name: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True
