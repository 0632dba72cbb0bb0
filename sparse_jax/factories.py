"""Factories by name: those of the library, or a person's own as MODULE:FACTORY."""

import importlib
from collections.abc import Callable, Mapping


def find(name: str, known: Mapping[str, Callable]) -> Callable:
    """`known[name]`, or what 'package.module:attribute' names.

    Raises:
      ValueError: neither is there; the message says what is allowed.
    """
    module, colon, attribute = name.partition(':')
    try:
        if not colon:
            return known[name]
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, KeyError, ValueError) as error:
        reason = f' ({error})' if colon else ''
        raise ValueError(f'{name!r} is not allowed{reason}; allowed: '
                         f'{", ".join(known)}, or MODULE:FACTORY') from None
