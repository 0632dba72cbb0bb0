"""An operation from outside: one record, registered, and nothing else."""

import dataclasses

import numpy as np
import pytest

from sparse_jax import ops
from sparse_jax.model import weights
from sparse_jax.model.extents import overlap
from sparse_jax.model.skeleton import EXACT, pad
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.objectives.lower_bounds import least
from sparse_jax.ops import (
    CompactNode,
    Costs,
    Form,
    Operation,
    Pruned,
    Weights,
    windows,
)
from sparse_jax.space import graph_file
from tests.recipes import trained_network


def _shrink(node, leaf, alive, shapes, gather):
    living = alive[node.name]
    return [CompactNode(node.name, 'scale', node.inputs, leaf['kernel'][living],
                        leaf['bias'][living], node.relu, node.pool)]


SCALE = Operation(
    'scale',
    Pruned(
        _shrink, lambda node, shapes: shapes[node.inputs[0]],
        lambda node, inputs: inputs[0] * np.float64(node.weight)),
    Form(
        windows.one_map, lambda node, shapes: shapes[node.inputs[0]],
        lambda node, channels, tiers: dataclasses.replace(
            node, channels=channels[node.inputs[0]]),
        lambda node, fixed: fixed[node.inputs[0]],
        lambda node, channels, kernel, sizes: sizes[node.inputs[0]]),
    Weights(
        shape=lambda node, shapes: (node.channels, 1, 1),
        elements_read=lambda node, shapes: int(np.prod(shapes[node.inputs[0]])),
        index=windows.index,
        valid=lambda node, outputs, kernel, sizes, shapes: outputs[:, None, None],
        read=windows.read, view=lambda node, x, how: x,
        product=lambda view, kernel: view * kernel[..., None],
        living=windows.living,
        join=lambda kept, outputs, inputs: kept & (outputs & inputs)[:, None, None],
        need=lambda kept, outputs, shapes: [kept[:, 0, 0] & outputs],
        blocks=lambda node, shapes: [('', (1, 1))],
        identity=lambda node, shapes: np.ones((node.channels, 1, 1), np.float32)),
    costs=Costs(in_place=True), keeps_maps=True)
"""A factor for every feature map."""

DOCUMENT = {'input_shape': [9, 8, 2], 'nodes': [
    {'name': 'conv', 'op': 'conv', 'inputs': ['input'], 'channels': 6, 'kernel': 3},
    {'name': 'factor', 'op': 'scale', 'inputs': ['conv'], 'channels': 6, 'pool': 2},
    {'name': 'classifier', 'op': 'dense', 'inputs': ['factor'], 'channels': 3,
     'relu': False}]}


@pytest.fixture
def graph():
    ops.register(SCALE)
    yield graph_file.parse(DOCUMENT)
    del ops.OPERATIONS['scale']


def test_it_is_counted(graph):
    # 108 + 6 of the convolution, 6 + 6 factors and biases, 6 * 3 * 3 * 3 + 3.
    totals, bounds = graph_totals(graph), least(graph)
    assert totals.model_size == 114 + 12 + 165
    assert totals.macs == 108 * 42 + 6 * 42 + 162
    assert totals.working_memory == 2 * 6 * 42
    # One map of 42 elements, three layers of a weight and a bias; 2 + 3 at the end.
    assert bounds.model_size == 2 + 2 + 4 and bounds.macs == 42 + 42 + 1


def test_it_trains_shrinks_and_has_a_reference(graph):
    net = trained_network.check(graph)
    assert [node.op for node in net.nodes] == ['conv', 'scale', 'dense']
    assert len(net.nodes[0].weight) == len(net.nodes[1].weight)


def test_a_child_inherits_its_weights(graph):
    rng = np.random.default_rng(0)
    shapes = {'conv': (6, 2, 3, 3), 'factor': (6, 1, 1), 'classifier': (3, 54)}
    tree = {name: {'kernel': rng.normal(size=shape)} for name, shape in shapes.items()}
    values, mask = weights.embed(pad(graph, EXACT), graph, graph, tree, tree)
    np.testing.assert_array_equal(values['factor']['kernel'], tree['factor']['kernel'])
    assert mask['factor']['kernel'].all() and overlap(graph, graph) == 1.0


def test_what_it_cannot_read_is_one_line(graph):
    document = DOCUMENT | {'nodes': [
        DOCUMENT['nodes'][0],
        DOCUMENT['nodes'][1] | {'inputs': ['conv', 'input']}, DOCUMENT['nodes'][2]]}
    with pytest.raises(graph_file.NetworkFileError, match='allowed: one feature map'):
        graph_file.parse(document)


def test_without_it_the_file_is_refused():
    with pytest.raises(graph_file.NetworkFileError, match="op: 'scale' is not allowed"):
        graph_file.parse(DOCUMENT)
    with pytest.raises(ops.MissingOperationError, match="'scale' is missing in"):
        ops.find('scale')
