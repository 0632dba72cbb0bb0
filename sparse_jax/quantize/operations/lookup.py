"""Looking an operation up in a table."""

from collections.abc import Mapping
from typing import TypeVar

Entry = TypeVar('Entry')


class MissingOperationError(LookupError):
    """A table has no entry for an operation; the message is one line."""


def entry(table: Mapping[str, Entry], name: str, title: str) -> Entry:
    """What a table, called `title`, says of an operation.

    Raises:
      MissingOperationError: nothing; names the operation and the table.
    """
    try:
        return table[name]
    except KeyError:
        raise MissingOperationError(
            f'operation {name!r} is missing in {title}, which has: '
            f'{", ".join(table)}') from None
