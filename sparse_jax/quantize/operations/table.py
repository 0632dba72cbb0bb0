"""The table of operations in int8, by the names of `ops.OPERATIONS`."""

from sparse_jax import ops
from sparse_jax.quantize.operations.add import ADD
from sparse_jax.quantize.operations.average_pool import AVERAGE_POOL
from sparse_jax.quantize.operations.concatenate import CONCATENATE
from sparse_jax.quantize.operations.conv import CONV
from sparse_jax.quantize.operations.dense import DENSE
from sparse_jax.quantize.operations.depthwise import DEPTHWISE
from sparse_jax.quantize.operations.operation import Int8Operation
from sparse_jax.quantize.operations.sum import SUM

OPERATIONS: dict[str, Int8Operation] = {
    'conv': CONV,
    'depthwise': DEPTHWISE,
    'dense': DENSE,
    'sum': SUM,
    'concatenate': CONCATENATE,
    'add': ADD,
    'average_pool': AVERAGE_POOL,
}
"""An operation from outside is an entry more."""


def find(name: str) -> Int8Operation:
    """The operation of a name.

    Raises:
      MissingOperationError: the table has none.
    """
    return ops.entry(OPERATIONS, name, 'quantize.OPERATIONS')
