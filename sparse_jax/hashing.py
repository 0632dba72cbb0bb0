"""Frozen dataclasses that are keys of many memories, and are deep."""

from typing import Any, TypeVar

T = TypeVar('T')
_NAME = '_remembered_hash'


def remembers_hash(kind: type[T]) -> type[T]:
    """A decorator of a frozen dataclass: every object computes its hash once.

    Hashes of text differ between processes, so that a copy that is sent elsewhere
    computes its own.
    """
    made: Any = kind
    compute = made.__hash__

    def hash_of(self: Any) -> int:
        found = self.__dict__.get(_NAME)
        if found is None:
            found = compute(self)
            self.__dict__[_NAME] = found
        return found

    def state_of(self: Any) -> dict[str, Any]:
        # Fields alone: what else an object remembers follows from them.
        return {name: self.__dict__[name] for name in made.__dataclass_fields__}

    made.__hash__ = hash_of
    made.__getstate__ = state_of
    return kind
