"""How programs around a surrogate are compiled: for a search they run a few times."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from sparse_jax import compiler
from sparse_jax.efforts import CHEAP, Effort


def cheap_jit(
    function: Callable[..., Any], *, effort: Effort = CHEAP, **options: Any
) -> Callable[..., Any]:
    """`jax.jit(function, **options)` at a low effort of the compiler for a CPU.

    What these programs compute is mostly factorisations and products, which are those
    of libraries at any effort; compiling them takes a tenth of the time.

    Args:
      function: to be compiled, at its first call.
      effort: of the compiler on a CPU; other devices have their own default.
      options: of `jax.jit`.
    """
    @functools.cache
    def compiled() -> Callable[..., Any]:
        # Not before the first call: several hosts must have been joined.
        on_cpu = jax.default_backend() == 'cpu'
        return jax.jit(
            function, compiler_options=compiler.known(effort) if on_cpu else None,
            **options)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return compiled()(*args, **kwargs)

    return call
