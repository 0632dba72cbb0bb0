"""Custom calls of the library that `build` makes."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from sparse_jax.native import build


def target(name: str, digest: str) -> str:
    """Named after the sources: a program in a compile cache never meets other ones."""
    return f'sparse_jax_{name}_{digest}'


@functools.cache
def register(names: tuple[str, ...], digest: str) -> bool:
    """Make calls known to XLA; False where the library cannot be had."""
    library = build.load()
    if library is None:
        return False
    for name in names:
        jax.ffi.register_ffi_target(
            target(name, digest), jax.ffi.pycapsule(getattr(library, name)),
            platform='cpu')
    return True


def targets(names: tuple[str, ...], digest: str) -> tuple[str, ...]:
    """The calls as XLA knows them from now on; () where they cannot be had."""
    if not register(names, digest):
        return ()
    return tuple(target(name, digest) for name in names)


def call(
    name: str, digest: str, *like: jax.Array | jax.ShapeDtypeStruct,
    vmap_method: str = 'broadcast_all',
) -> Callable[..., Any]:
    """The custom call `name` with results of the shapes of `like`."""
    shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in like]
    return jax.ffi.ffi_call(
        target(name, digest), shapes[0] if len(shapes) == 1 else shapes,
        vmap_method=vmap_method)
