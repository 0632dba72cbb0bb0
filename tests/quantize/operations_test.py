"""The tables of int8 and of export have the operations of the library."""

import pathlib
import re

import numpy as np
import pytest

from sparse_jax import export, ops, quantize
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize.random_nets import random_images, random_net

ROOT = pathlib.Path(quantize.__file__).parents[1]


def _quantized(net):
    return quantize.quantize(net, quantize.calibrate(net, random_images(net, 4)))


def test_tables_have_the_operations_of_the_library():
    assert set(quantize.OPERATIONS) == set(export.OPERATIONS) == set(ops.OPERATIONS)


@pytest.mark.parametrize('package', ('quantize', 'export'))
def test_operations_are_compared_nowhere_outside_the_tables(package):
    for path in (ROOT / package).rglob('*.py'):
        if path.parent.name != 'operations' and path.name != 'random_nets.py':
            text = path.read_text()
            assert not re.search(r"\.op\s*(==|!=|in|not in)\b", text), path
            for name in ops.OPERATIONS:
                # 'dense' is a weight format too.
                assert name == 'dense' or f"'{name}'" not in text, (path, name)


def test_an_operation_missing_in_a_table_is_one_line(monkeypatch):
    net = random_net(0)
    q, name = _quantized(net), net.nodes[0].op
    monkeypatch.delitem(export.OPERATIONS, name)
    line = f'operation {name!r} is missing in export.OPERATIONS, which has: '
    for use in (export.generate, export.to_tflite, export.measure):
        with pytest.raises(ops.MissingOperationError, match=line):
            use(q)
    monkeypatch.delitem(quantize.OPERATIONS, name)
    line = f'operation {name!r} is missing in quantize.OPERATIONS, which has: '
    for use in (lambda: _quantized(net), lambda: quantize.emulate(
            q, random_images(net, 2))):
        with pytest.raises(ops.MissingOperationError, match=line) as caught:
            use()
        assert '\n' not in str(caught.value)


def test_a_weightless_node_is_not_read_as_a_layer():
    dense = CompactNode('a', 'dense', ('input',), np.ones((2, 4)))
    net = CompactNet((2, 2, 1), 1, False, 0.0, 1.0, (
        dense, CompactNode('s', 'sum', ('a', 'a'))))
    node = _quantized(net).nodes[1]
    with pytest.raises(export.ExportError, match="node 's': sum has no weights"):
        export.operations.layout(node)
    with pytest.raises(ValueError, match='has no weights'):
        quantize.quantized.kernel_of(node)
