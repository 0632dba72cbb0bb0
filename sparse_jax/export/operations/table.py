"""The table of operations in C and .tflite, by the names of `ops.OPERATIONS`."""

from sparse_jax import ops
from sparse_jax.export.errors import ExportError
from sparse_jax.export.operations.add import ADD
from sparse_jax.export.operations.average_pool import AVERAGE_POOL
from sparse_jax.export.operations.concatenate import CONCATENATE
from sparse_jax.export.operations.conv import CONV
from sparse_jax.export.operations.dense import DENSE
from sparse_jax.export.operations.depthwise import DEPTHWISE
from sparse_jax.export.operations.operation import ExportOperation, Function, Layout
from sparse_jax.export.operations.sum import SUM
from sparse_jax.quantize.quantized import QuantizedNode

OPERATIONS: dict[str, ExportOperation] = {
    'conv': CONV,
    'depthwise': DEPTHWISE,
    'dense': DENSE,
    'sum': SUM,
    'concatenate': CONCATENATE,
    'add': ADD,
    'average_pool': AVERAGE_POOL,
}
"""An operation from outside is an entry more."""


def find(name: str) -> ExportOperation:
    """The operation of a name.

    Raises:
      MissingOperationError: the table has none.
    """
    return ops.entry(OPERATIONS, name, 'export.OPERATIONS')


def layout(node: QuantizedNode) -> Layout:
    """How the layer loop reads the input of a node with weights."""
    part = find(node.op).part
    if not isinstance(part, Layout):
        raise ExportError(f'node {node.name!r}: {node.op} has no weights')
    return part


def function(node: QuantizedNode) -> Function:
    """The C function of a node without weights."""
    part = find(node.op).part
    if not isinstance(part, Function):
        raise ExportError(f'node {node.name!r}: {node.op} has no function of its own')
    return part
