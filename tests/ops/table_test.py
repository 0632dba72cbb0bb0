"""The table of operations: what every entry has, and what is said of a missing one."""

import pytest

from sparse_jax import ops
from sparse_jax.ops import Node


def test_every_operation_is_under_its_name():
    assert {name: entry.name for name, entry in ops.OPERATIONS.items()} == {
        name: name for name in ops.OPERATIONS}
    for entry in ops.OPERATIONS.values():
        parts = (entry.weights is not None) + (entry.combination is not None)
        assert parts == (entry.form is not None), entry.name


def test_a_missing_entry_names_the_operation_and_the_table():
    with pytest.raises(ops.MissingOperationError) as caught:
        ops.entry({'conv': 1, 'dense': 2}, 'sum', 'quantize.RULES')
    assert str(caught.value) == (
        "operation 'sum' is missing in quantize.RULES, which has: conv, dense")
    assert ops.entry({'conv': 1}, 'conv', 'quantize.RULES') == 1


def test_a_name_is_taken_once():
    assert ops.register(ops.OPERATIONS['conv']) is ops.OPERATIONS['conv']
    other = ops.Operation('conv', ops.OPERATIONS['conv'].pruned)
    with pytest.raises(ValueError, match="'conv': the name is taken"):
        ops.register(other)
    with pytest.raises(ValueError, match="'half': a form needs weights or"):
        ops.Operation('half', other.pruned, ops.OPERATIONS['conv'].form)


def test_what_a_node_asks_and_its_operation_lacks():
    with pytest.raises(ops.MissingOperationError, match="'merge': operation 'sum' has"):
        ops.weights(Node('merge', 'sum', ('a', 'b'), 2))
    with pytest.raises(ops.MissingOperationError, match='pruned networks only'):
        ops.form(Node('both', 'concatenate', ('a', 'b'), 2))
    with pytest.raises(ops.MissingOperationError, match="'stride' is missing"):
        assert Node('x', 'stride', ('a',), 2).weighted
