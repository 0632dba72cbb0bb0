"""How programs around a surrogate are compiled: for a search they run a few times."""

import functools
import inspect
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax

from sparse_jax import compiler
from sparse_jax.efforts import CHEAP, Effort
from sparse_jax.lowered.lower import lower

KEPT = 24
"""Programs of one function that stay in memory: each of them maps memory."""


def cheap_jit(
    function: Callable[..., Any], *, effort: Effort = CHEAP,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Callable[..., Any]:
    """`jax.jit` of a function at a low effort of the compiler for a CPU.

    What these programs compute is mostly factorisations and products, which are those
    of libraries at any effort; compiling them takes a tenth of the time. What they give
    does not depend on the number of cores. A program that an earlier process has traced
    is not traced again, see `lowered`.

    Args:
      function: to be compiled, at its first call; its named tuples of arrays are
        registered (`lowered.lower.register`).
      effort: of the compiler on a CPU; other devices have their own default.
      static_argnums: as of `jax.jit`.
      static_argnames: as of `jax.jit`.
    """
    signature = inspect.signature(function)
    names = list(signature.parameters)
    nums = (static_argnums,) if isinstance(static_argnums, int) else static_argnums
    static = {names[i] for i in nums} | (
        {static_argnames} if isinstance(static_argnames, str) else {*static_argnames})

    @functools.lru_cache(KEPT)
    def compiled(
        fixed: tuple[tuple[str, Hashable], ...], structure: Any, shapes: tuple,
        wide: bool,
    ) -> Callable[..., Any]:
        del wide  # whether there are 64 bits decides what is traced
        given = structure.unflatten([jax.ShapeDtypeStruct(
            a.shape, a.dtype, weak_type=a.weak_type) for a in shapes])

        def bound(arrays: dict[str, Any]) -> Any:
            return function(**arrays, **dict(fixed))

        bound.__name__ = function.__name__  # what JAX calls the program
        program = lower(bound, (given,), decided_by=(function, fixed))
        return program.compile(
            compiler_options=compiler.repeatable('cpu', effort)
            if jax.default_backend() == 'cpu' else None)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        fixed = tuple((name, given.pop(name)) for name in names if name in static
                      and name in given)
        leaves, structure = jax.tree.flatten(dict(given))
        program = compiled(fixed, structure, tuple(map(jax.typeof, leaves)),
                           jax.dtypes.canonicalize_dtype(float) == 'float64')
        return program(structure.unflatten(leaves))

    return call
