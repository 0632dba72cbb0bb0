"""Lowering of functions, from the store where a process before this one did it.

XLA's cache saves a second run the compiler, not the tracing of Python that leads to it,
which is then most of what the run does. Beside the compiled programs lie the lowered
ones (StableHLO, by `jax.export`), under a digest of everything that a trace depends on:
what decides the program (`description`), shapes and places of its arguments, versions,
all sources of this library, options of JAX and the kind of device. An entry that is
damaged, foreign or of another version is none.

A first run takes the same way through the store, so that it compiles, rounds and finds
what every later one does.
"""

import hashlib
import importlib.util
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.monitoring

from sparse_jax.lowered import description, files

READ = '/sparse_jax/lowered/read'
"""Event of `jax.monitoring`: a program came from the store."""
TRACED = '/sparse_jax/lowered/traced'
"""Event: a program was traced."""
_store: pathlib.Path | None = None
_registered: set[type] = set()


def use(folder: pathlib.Path | None) -> None:
    """Keep lowered programs in a folder of this process's user; None for nowhere."""
    global _store
    _store = folder


def register(*kinds: Any) -> None:
    """Make named tuples known that are arguments or results of stored programs."""
    from jax import export

    for kind in kinds:
        if kind not in _registered:
            export.register_namedtuple_serialization(
                kind, serialized_name=f'{kind.__module__}.{kind.__qualname__}')
            _registered.add(kind)


def lower(
    function: Callable[..., Any], arguments: Sequence[Any], *, decided_by: Any,
    calls: Sequence[str] = (),
) -> jax.stages.Lowered:
    """`jax.jit(function).lower(*arguments)`, traced only where the store has it not.

    Args:
      function: pure; its named tuples, of arguments and results, are registered.
      arguments: arrays or abstract ones, with the shardings that they will have.
      decided_by: all that the function closes over, see `description.describe`.
      calls: targets of custom calls that the program may have and this process knows.

    Returns:
      The lowered program. Where there is no store, or no description, no entry is read
      or written.
    """
    name = _name(function, arguments, decided_by, calls)
    if name is None or _store is None:
        jax.monitoring.record_event(TRACED)
        return jax.jit(function).lower(*arguments)
    stored = _stored(_store, name, arguments)
    if stored is not None:
        jax.monitoring.record_event(READ)
        return stored
    jax.monitoring.record_event(TRACED)
    made = _exported(function, arguments, calls)
    if made is None:
        return jax.jit(function).lower(*arguments)
    files.write(_store, name, made)
    return _called(made, arguments)


def _name(
    function: Callable[..., Any], arguments: Sequence[Any], decided_by: Any,
    calls: Sequence[str],
) -> str | None:
    """Of the entry of a program; None where there can be none."""
    if (_store is None or jax.process_count() > 1
            or importlib.util.find_spec('flatbuffers') is None):
        return None
    try:
        # The code of the function itself is among the sources.
        decided = description.describe(
            (getattr(function, '__qualname__', ''), decided_by, tuple(calls)))
    except description.NoDescription:
        return None
    whole = '\0'.join([decided, description.arguments(tuple(arguments)),
                       description.surroundings()])
    return hashlib.sha256(whole.encode()).hexdigest()


def _stored(
    folder: pathlib.Path, name: str, arguments: Sequence[Any]
) -> jax.stages.Lowered | None:
    content = files.read(folder, name)
    if content is None:
        return None
    try:
        return _called(content, arguments)
    except Exception:
        # Whatever readers of other versions raise: it is traced and written again.
        return None


def _exported(
    function: Callable[..., Any], arguments: Sequence[Any], calls: Sequence[str]
) -> bytes | None:
    """The program as bytes; None if it cannot be exported."""
    from jax import export

    allowed = [export.DisabledSafetyCheck.custom_call(name) for name in calls]
    try:
        return bytes(export.export(
            jax.jit(function), disabled_checks=allowed)(*arguments).serialize())
    except (ValueError, TypeError, NotImplementedError):
        # A fault of the function itself comes up again when it is lowered.
        return None


def _called(content: bytes, arguments: Sequence[Any]) -> jax.stages.Lowered:
    from jax import export

    return jax.jit(export.deserialize(bytearray(content)).call).lower(*arguments)
