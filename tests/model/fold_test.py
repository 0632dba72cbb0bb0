"""Two classes as one output unit: the same classes for half of their weights."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax.model import compact, connectivity, deploy, fold, network
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.model.shrink import shrink
from sparse_jax.objectives import compact_costs, memory
from sparse_jax.objectives.graph_costs import Totals, graph_totals
from sparse_jax.objectives.lower_bounds import Least, least
from sparse_jax.space.architecture import Graph, Node, resolve
from sparse_jax.space.sparse_space import sparse_space
from tests import sampled
from tests.space.architecture_test import _point


def _classifier(*inputs, units=2, name='classifier'):
    return Node(name, 'dense', inputs, units, relu=False)


def _graph(*nodes, **fields):
    return Graph((2, 3, 1), 1, False, nodes, **fields)


LINEAR = _graph(_classifier('input'))
MERGED = _graph(Node('a', 'conv', ('input',), 3, 2, 2), Node('b', 'dense', ('a',), 4),
                _classifier('a', 'b', 'input'))


def _shrunk(graph, kept, params):
    """(masked logits of every class, traced costs, compact network) and its images."""
    skeleton, candidate = sampled.unpadded(graph)
    images = np.random.default_rng(1).normal(size=(64, *graph.input_shape))
    x = np.moveaxis(network.prepare_images(skeleton, images.astype('f4')), 0, -1)

    def masked(kept, params):
        pruned = connectivity.live(skeleton, candidate, kept)
        folded = deploy.fold_and_mask(skeleton, params, {}, pruned)
        logits = deploy.predict(skeleton, folded, candidate, x)
        return logits.T, folded, pruned.units, memory.total(
            memory.layer_costs(skeleton, candidate, pruned))

    logits, folded, units, costs = jax.device_get(
        sampled.quick_jit(masked)(kept, params))
    net = shrink(graph, folded, units, mean=0.0, std=1.0)
    return logits, Totals(*map(int, costs)), net, images


def _params(graph, density, seed=0):
    rng = np.random.default_rng(seed)
    shapes, params, kept = graph.shapes(), {}, {}
    for node in graph.weighted_nodes:
        fan_in = sum(int(np.prod(shapes[t])) for t in node.inputs)
        shape = (node.channels, fan_in) if node.op == 'dense' else (
            node.channels, 1, node.kernel, node.kernel)
        params[node.name] = {'kernel': rng.normal(size=shape).astype('f4'),
                             'bias': rng.normal(size=node.channels).astype('f4')}
        kept[node.name] = rng.random(shape) < density
    return params, kept


@pytest.mark.parametrize('graph', [LINEAR, MERGED], ids=['linear', 'merged'])
@pytest.mark.parametrize('zero_rows', [(), (0,), (1,), (0, 1)])
@pytest.mark.parametrize('density', [0.4, 1.0])
def test_the_class_is_the_larger_of_two_logits(graph, zero_rows, density):
    params, kept = _params(graph, density)
    for row in zero_rows:
        kept['classifier'][row] = False
    masked, costs, net, images = _shrunk(graph, kept, params)
    np.testing.assert_allclose(
        compact.logits(net, images), np.diff(masked), atol=1e-5)
    sure = np.abs(np.diff(masked)[:, 0]) > 1e-5
    np.testing.assert_array_equal(
        compact.classify(net, images)[sure], masked.argmax(1)[sure])
    assert sure.all() and net.classes == 2
    if zero_rows != (0, 1):
        assert costs == compact_costs.costs(net)
    last = net.nodes[-1]
    union = kept['classifier'].any(0)
    if graph is LINEAR:
        assert costs.model_size == union.sum() + 1
        assert costs.working_memory == 6 + 1 and costs.macs == union.sum()
        assert last.weight.shape[1] == union.sum()


def test_a_weight_counts_if_either_row_keeps_it():
    params, _ = _params(LINEAR, 1.0)
    kept = {'classifier': np.array([[1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0]], bool)}
    _, costs, net, _ = _shrunk(LINEAR, kept, params)
    assert costs.model_size == 3 + 1
    both = dataclasses.replace(LINEAR, fold_binary=False)
    _, two, unfolded, images = _shrunk(both, kept, params)
    assert two.model_size == 4 + 2 and two == compact_costs.costs(unfolded)
    assert unfolded.nodes[-1].weight.shape == (2, 3)
    np.testing.assert_array_equal(
        compact.classify(net, images), compact.classify(unfolded, images))


def test_the_first_of_two_equal_logits_is_taken():
    params, kept = _params(LINEAR, 1.0)
    leaf = params['classifier']
    # Of float32 values the difference is exact: equal rows leave exactly nothing.
    leaf['kernel'][1], leaf['bias'][1] = leaf['kernel'][0], leaf['bias'][0]
    masked, _, net, images = _shrunk(LINEAR, kept, params)
    np.testing.assert_array_equal(compact.logits(net, images), np.zeros((64, 1)))
    assert not masked.argmax(1).any() and not compact.classify(net, images).any()
    leaf['bias'][1] = np.nextafter(leaf['bias'][0], np.float32(9))
    _, _, net, images = _shrunk(LINEAR, kept, params)
    assert compact.classify(net, images).all()


def test_one_unit_stands_for_two_classes():
    node = CompactNode('d', 'dense', ('input',), np.array([[1.0]]), np.array([-2.0]))
    net = CompactNet((1, 1, 1), 1, False, 0.0, 1.0, (node,))
    images = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1, 1)
    np.testing.assert_array_equal(compact.classify(net, images), [0, 0, 1])
    np.testing.assert_array_equal(
        compact.per_class(compact.logits(net, images)), [[0, -1], [0, 0], [0, 1]])
    three = np.arange(6.0).reshape(2, 3)
    assert compact.per_class(three) is three


def test_who_folds():
    assert LINEAR.folds and not dataclasses.replace(LINEAR, fold_binary=False).folds
    three = _graph(_classifier('input', units=3))
    assert not three.folds and three.counted is three
    # Two maps or units of another layer are no classes.
    assert not _graph(_classifier('input', name='fc')).folds
    assert LINEAR.num_classes == 2 and LINEAR.counted.nodes[-1].channels == 1
    spaces = [sparse_space((8, 8, 1), 2, fold_binary=fold) for fold in (True, False)]
    assert [space.fold_binary for space in spaces] == [True, False]
    assert [resolve(_point(), (8, 8, 1), 2, fold_binary=fold).folds
            for fold in (True, False)] == [True, False]


def test_nothing_else_is_touched():
    three = _graph(_classifier('input', units=3))
    params, kept = _params(three, 1.0)
    units = {'input': np.ones(1, bool), 'classifier': np.ones(3, bool)}
    live = connectivity.Live(kept, units)
    assert fold.fold_live(three, live) is live
    assert fold.fold_arrays(three, params, units) == (three, params, units)


def test_costs_before_pruning_and_bounds_by_hand():
    graph = Graph((10, 8, 2), 2, False, (
        Node('a', 'conv', ('input',), 7, 2, 2, pool=2), _classifier('a')))
    # Image 2x5x4; 7 maps of 4x3 before and 2x1 after the pool; one output unit.
    conv = 7 * 2 * 4
    assert graph_totals(graph) == Totals(
        conv + 7 + 14 + 1, 40 + 84, 40 + conv, conv * 12 + 14, 40 + 84)
    assert least(graph) == Least(
        model_size=(1 + 1) + (1 + 1), working_memory=40 + 12,
        working_memory_weights=40 + 1, macs=12 + 1,
        working_memory_without_image=40 + 12, ram=40 + 2)
    assert least(graph, prunes=False)[:5] == tuple(graph_totals(graph))
    two = dataclasses.replace(graph, fold_binary=False)
    assert graph_totals(two).model_size == graph_totals(graph).model_size + 14 + 1
    assert least(two).model_size == 2 + (1 + 2)
