"""The table of operations by name, and how one from outside enters it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sparse_jax.ops.node import Node
    from sparse_jax.ops.operation import Form, Operation, Weights

Entry = TypeVar('Entry')

OPERATIONS: dict[str, 'Operation'] = {}
"""Every operation that a network may have. `Node.op` and `CompactNode.op` are its
keys, as are the keys of the tables that quantisation and export have beside it."""


class MissingOperationError(LookupError):
    """A table has no entry for an operation; the message is one line."""


def register(operation: 'Operation') -> 'Operation':
    """Add an operation to the table.

    Networks, network files, training, pruning and shrinking know it from then on.
    The int8 side has tables of its own (`quantize`, `export`).

    Returns:
      The operation.

    Raises:
      ValueError: the name is taken by another operation.
    """
    known = OPERATIONS.setdefault(operation.name, operation)
    if known is not operation:
        raise ValueError(f'operation {operation.name!r}: the name is taken')
    return operation


def find(name: str) -> 'Operation':
    """The operation of a name.

    Raises:
      MissingOperationError: there is none.
    """
    return entry(OPERATIONS, name, 'ops.OPERATIONS')


def entry(table: Mapping[str, Entry], name: str, title: str) -> Entry:
    """What a table says of an operation.

    Args:
      table: entries by the name of their operation.
      name: of the operation.
      title: what the table is called, for the error.

    Raises:
      MissingOperationError: nothing; names the operation and the table.
    """
    try:
        return table[name]
    except KeyError:
        raise MissingOperationError(
            f'operation {name!r} is missing in {title}, which has: '
            f'{", ".join(table)}') from None


def form(node: 'Node') -> 'Form':
    """The shapes of a node's operation.

    Raises:
      MissingOperationError: there is no such operation before pruning.
    """
    found = find(node.op).form
    if found is None:
        raise MissingOperationError(
            f'node {node.name!r}: operation {node.op!r} is one of pruned networks only')
    return found


def weights(node: 'Node') -> 'Weights':
    """The weights of a node's operation.

    Raises:
      MissingOperationError: it has none.
    """
    found = find(node.op).weights
    if found is None:
        raise MissingOperationError(
            f'node {node.name!r}: operation {node.op!r} has no weights')
    return found
