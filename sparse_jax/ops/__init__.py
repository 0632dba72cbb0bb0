"""Operations of a network: one table of what the library must know of each.

`OPERATIONS` is the table. `register` adds an operation from outside; WORKSPACE_NOTES.md
has the recipe.
"""

from sparse_jax.ops.add import ADD
from sparse_jax.ops.average_pool import AVERAGE_POOL
from sparse_jax.ops.compact_node import CompactNode as CompactNode
from sparse_jax.ops.concatenate import CONCATENATE
from sparse_jax.ops.conv import CONV
from sparse_jax.ops.dense import DENSE
from sparse_jax.ops.depthwise import DEPTHWISE
from sparse_jax.ops.node import CLASSIFIER as CLASSIFIER
from sparse_jax.ops.node import Node as Node
from sparse_jax.ops.operation import Combination as Combination
from sparse_jax.ops.operation import Costs as Costs
from sparse_jax.ops.operation import Form as Form
from sparse_jax.ops.operation import Operation as Operation
from sparse_jax.ops.operation import Pruned as Pruned
from sparse_jax.ops.operation import Weights as Weights
from sparse_jax.ops.size import Size as Size
from sparse_jax.ops.sum import SUM
from sparse_jax.ops.table import OPERATIONS as OPERATIONS
from sparse_jax.ops.table import MissingOperationError as MissingOperationError
from sparse_jax.ops.table import entry as entry
from sparse_jax.ops.table import find as find
from sparse_jax.ops.table import form as form
from sparse_jax.ops.table import register as register
from sparse_jax.ops.table import weights as weights

for _operation in (CONV, DEPTHWISE, DENSE, SUM, CONCATENATE, ADD, AVERAGE_POOL):
    register(_operation)
