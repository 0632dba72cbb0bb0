"""Which nodes have weights and biases, and how the biases are counted."""

import pytest

from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.ops import Node
from sparse_jax.space.architecture import Graph
from tests.recipes import trained_network


@pytest.mark.parametrize('op, changes, weighted, biased', [
    ('conv', {}, True, True),
    ('conv', {'relu': False}, True, False),
    ('depthwise', {'relu': False, 'batch_norm': True}, True, True),
    ('dense', {'relu': False, 'name': 'classifier'}, True, True),
    ('sum', {}, False, False), ('add', {}, False, False),
    ('average_pool', {}, False, False)])
def test_weights_and_biases(op, changes, weighted, biased):
    node = Node(**({'name': 'node', 'op': op, 'inputs': (), 'channels': 2} | changes))
    assert (node.weighted, node.biased) == (weighted, biased)


def test_the_shift_of_a_norm_without_relu_is_counted():
    graph = Graph((6, 6, 1), 1, False, (
        Node('conv', 'conv', ('input',), 3, 3, 3, relu=False, batch_norm=True),
        Node('classifier', 'dense', ('conv',), 2, relu=False)))
    assert graph_totals(graph).model_size == 27 + 3 + 48 + 1
    net = trained_network.check(graph, density=1.0)
    assert len(net.nodes[0].bias) == 3
