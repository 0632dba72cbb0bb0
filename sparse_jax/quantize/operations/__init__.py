"""How every operation is quantised, emulated and fine-tuned: one table of records."""

from sparse_jax.quantize.operations.operation import Int8Operation, Setting
from sparse_jax.quantize.operations.table import OPERATIONS, find

__all__ = ['OPERATIONS', 'Int8Operation', 'Setting', 'find']
