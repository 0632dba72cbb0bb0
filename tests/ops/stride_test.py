"""Windows more than one pixel apart: by hand, and against the convolution of lax."""

import jax
import numpy as np
import pytest

from sparse_jax.model import compact, network, sizes
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.model.layers import Weighted
from sparse_jax.model.skeleton import EXACT, candidate_of, pad
from sparse_jax.objectives.graph_costs import graph_totals, layer_rows
from sparse_jax.ops import Node, windows
from sparse_jax.space import graph_file
from sparse_jax.space.architecture import Graph
from tests.recipes import trained_network


def _graph(op, stride):
    """Of an image of 7 x 6 pixels and 2 maps."""
    return Graph((7, 6, 2), 1, False, (
        Node('a', op, ('input',), 2, 3, 3, stride, relu=False),
        Node('classifier', 'dense', ('a',), 3, relu=False)))


@pytest.mark.parametrize('side,kernel,stride,places', [
    (7, 3, 1, 5), (7, 3, 2, 3), (6, 3, 2, 2), (3, 3, 2, 1), (2, 3, 2, 0), (8, 2, 3, 3)])
def test_places_are_those_of_a_walk(side, kernel, stride, places):
    assert windows.places(side, kernel, stride) == places
    walk = [start for start in range(0, side, stride) if start + kernel <= side]
    assert len(walk) == places


@pytest.mark.parametrize('op', ['conv', 'depthwise'])
@pytest.mark.parametrize('conv', ['patches', 'native', 'direct', 'grouped', 'tiled'])
def test_training_multiplies_as_lax_does(op, conv):
    graph = _graph(op, 2)
    skeleton = pad(graph, EXACT)
    candidate = candidate_of(graph, trained_network.POINT)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 6, 16)).astype('f4')
    kernel = rng.normal(size=(2, 2, 3, 3)[op == 'depthwise':]).astype('f4')
    last = rng.normal(size=(3, 12)).astype('f4')
    out, _ = network.SparseNet(skeleton, conv).apply(
        {'params': {'a': {'kernel': kernel},
                    'classifier': {'kernel': last, 'bias': np.zeros(3, 'f4')}}},
        candidate, x, mutable=[])
    maps = jax.lax.conv_general_dilated(
        np.moveaxis(x, -1, 0), kernel[:, None] if op == 'depthwise' else kernel,
        (2, 2), 'VALID', feature_group_count=2 if op == 'depthwise' else 1)
    assert maps.shape[1:] == graph.shapes()['a'] == (2, 3, 2)
    np.testing.assert_allclose(
        out, last @ np.asarray(maps).reshape(16, -1).T, rtol=2e-5, atol=2e-5)
    assert sizes.true_sizes(skeleton, candidate).outputs['a'][1:] == (3, 2)


@pytest.mark.parametrize('op', ['conv', 'depthwise'])
@pytest.mark.parametrize('side,kernel,low,stride', [
    (7, 3, 3, 2), (8, 3, 3, 2), (9, 4, 2, 2), (8, 5, 5, 2), (5, 5, 2, 3), (9, 2, 2, 3)])
def test_draws_do_not_depend_on_the_lowering(op, side, kernel, low, stride):
    """All but patches fold the image, those drop windows: with noise, and with windows
    that may be smaller than the padded one."""
    node = Node('a', op, ('input',), 3, kernel, low, stride, relu=False)
    rng, shape = np.random.default_rng(side), (3, 3, kernel, kernel)[op == 'depthwise':]
    x = rng.normal(size=(3, side, side + 1, 32)).astype('f4')
    variables = {'params': {'kernel': rng.normal(size=shape).astype('f4')},
                 'noise': {'variance': rng.random(shape).astype('f4')}}
    valid = {'kernel': np.ones(shape, bool)}

    def loss(variables, x, conv):
        layer = Weighted(node, shape, ((3, side, side + 1),), (side, side + 1), conv)
        y = layer.apply(variables, x, valid, 1.0, np.array([1, 2], np.uint32))
        assert y.shape[1:3] == tuple(
            windows.places(n, low, stride) for n in (side, side + 1))
        return (y ** 2).sum()

    found = [jax.value_and_grad(loss, (0, 1))(variables, x, conv)
             for conv in ('patches', 'direct', 'grouped', 'tiled')]
    for other in found[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(
            a, b, rtol=2e-4, atol=2e-3), found[0], other)


def test_costs_count_the_windows_that_there_are():
    narrow, wide = (graph_totals(_graph('conv', stride)) for stride in (2, 1))
    assert narrow.macs == 36 * 6 + 12 * 3 and wide.macs == 36 * 20 + 40 * 3
    row = layer_rows(_graph('conv', 2))[0]
    assert (row.inputs, row.outputs) == (84, 12)


def test_a_compact_window_steps_by_hand():
    image = np.arange(25.0).reshape(1, 5, 5, 1)
    weight = np.array([[[[1.0, 0.0], [0.0, 1.0]]]])
    net = CompactNet((5, 5, 1), 1, False, 0.0, 1.0, (
        CompactNode('a', 'conv', ('input',), weight, stride=2),))
    found = compact.run(net, image)['a'][0, 0]
    # Pixels (0, 0) + (1, 1), (0, 2) + (1, 3), (2, 0) + (3, 1), (2, 2) + (3, 3).
    np.testing.assert_array_equal(found, [[6.0, 10.0], [26.0, 30.0]])
    assert net.tensor_shapes()['a'] == (1, 2, 2)


def test_files_of_nodes_have_strides():
    document = {'input_shape': [7, 6, 2], 'nodes': [
        {'name': 'a', 'op': 'conv', 'inputs': ['input'], 'channels': 2, 'kernel': 3,
         'relu': False, 'stride': 2},
        {'name': 'classifier', 'op': 'dense', 'inputs': ['a'], 'channels': 3,
         'relu': False}]}
    assert graph_file.parse(document).nodes == _graph('conv', 2).nodes
    document['nodes'][1]['stride'] = 2
    with pytest.raises(graph_file.NetworkFileError, match='stride: 2 is not allowed'):
        graph_file.parse(document)
