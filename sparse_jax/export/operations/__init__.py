"""How every operation becomes C and .tflite: one table of records."""

from sparse_jax.export.operations.operation import (
    ExportOperation,
    Function,
    Layout,
    TfliteGraph,
    TfliteKind,
)
from sparse_jax.export.operations.plan import SUMS, BufferPlan
from sparse_jax.export.operations.table import OPERATIONS, find, layout

__all__ = ['OPERATIONS', 'SUMS', 'BufferPlan', 'ExportOperation', 'Function',
           'Layout', 'TfliteGraph', 'TfliteKind', 'find', 'layout']
