"""Custom calls of the library that `build` makes."""

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Family:
    """Calls that are made of the same sources."""

    names: tuple[str, ...]
    sources: tuple[str, ...]
    """Of `build`; their digest is part of the calls' names."""

    def available(self) -> bool:
        """Whether the calls are built and known to XLA; tries when first asked."""
        return register(self.names, _digest(self.sources))

    def targets(self) -> tuple[str, ...]:
        """The calls as XLA knows them from now on; () where they cannot be had."""
        if not self.available():
            return ()
        return tuple(target(name, _digest(self.sources)) for name in self.names)

    def call(
        self, name: str, *like: jax.Array | jax.ShapeDtypeStruct,
        vmap_method: str = 'broadcast_all',
    ) -> Callable[..., Any]:
        """The custom call `name` with results of the shapes of `like`."""
        shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in like]
        return jax.ffi.ffi_call(
            target(name, _digest(self.sources)),
            shapes[0] if len(shapes) == 1 else shapes, vmap_method=vmap_method)


@functools.cache
def _digest(sources: tuple[str, ...]) -> str:
    return build.digest(sources)
