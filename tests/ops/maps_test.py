"""Sums, averages and strides of maps: by hand, and padded against compact networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import (
    compact,
    connectivity,
    deploy,
    network,
    shrink,
    sizes,
    weights,
)
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.skeleton import TierPolicy, candidate_of, pad, stack
from sparse_jax.objectives import compact_costs, graph_costs, memory
from sparse_jax.objectives.lower_bounds import least
from sparse_jax.ops import CompactNode, Node, Size, find
from sparse_jax.space import graph_file
from sparse_jax.space.architecture import Graph
from tests import sampled
from tests.recipes import trained_network
from tests.sampled_masks import random_masks

POLICY = TierPolicy((8, 32), (8, 32), kernels=((2, 4),))
MEAN, STD = 90.0, 60.0


def _conv(name, source, maps, kernel, **more):
    return Node(name, 'conv', (source,), maps, kernel, kernel, **more)


def _classifier(*sources):
    return Node('classifier', 'dense', sources, 3, relu=False)


def _residual(one, two, k, l):
    """A narrow and a wide convolution, added; pooled twice."""
    return Graph((13, 12, 2), 1, False, (
        _conv('a', 'input', one, k, batch_norm=True), _conv('b', 'a', two, l),
        Node('both', 'add', ('b', 'a'), max(one, two), relu=False, pool=2),
        Node('mean', 'average_pool', ('both',), max(one, two), 2, 2),
        _classifier('mean', 'b')))


def _chained(one, two, k, l):
    """Adds of adds with the image, of a depthwise layer, rectified; a global pool."""
    return Graph((13, 12, 2), 1, False, (
        _conv('a', 'input', one, k),
        Node('d', 'depthwise', ('a',), one, l, l),
        _conv('b', 'd', two, 1, relu=False),
        Node('first', 'add', ('d', 'b', 'input'), max(one, two, 2)),
        Node('second', 'add', ('first', 'a'), max(one, two, 2), relu=False),
        Node('mean', 'average_pool', ('second',), max(one, two, 2), 16, 16, relu=False),
        Node('fc', 'dense', ('first',), two), _classifier('mean', 'fc')))


def _strided(one, two, k, l):
    """Windows two and three pixels apart, pooled and not, of odd and even sides."""
    return Graph((21, 20, 2), 1, False, (
        _conv('a', 'input', one, k, stride=2, batch_norm=True),
        Node('d', 'depthwise', ('a',), one, 3, 3, 2),
        _conv('b', 'd', two, 1), _conv('c', 'input', two, l, stride=3, pool=2),
        _classifier('b', 'c')))


def _masked(skeleton, x, candidate, params, stats, masks):
    valid = sizes.valid_weights(skeleton, candidate)
    kept = {n: masks[n] & leaf['kernel'] for n, leaf in valid.items()}
    pruned = connectivity.live(skeleton, candidate, kept)
    folded = deploy.fold_and_mask(skeleton, params, stats, pruned)
    logits = deploy.predict(skeleton, folded, candidate, x)
    return folded, pruned.units, logits, memory.layer_costs(skeleton, candidate, pruned)


@pytest.mark.parametrize('build', [_residual, _chained, _strided])
def test_padded_and_shrunk_networks_agree(build):
    """Candidates of one program, whose kernels and so the crops are traced."""
    rng, rows = np.random.default_rng(3), [
        (3, 6, 2, 4), (5, 2, 3, 3), (8, 7, 4, 2), (2, 8, 2, 2), (6, 6, 4, 4)] * 6
    graphs = [build(*row) for row in rows]
    (skeleton,) = {pad(graph, POLICY) for graph in graphs}
    candidates = stack([candidate_of(g, trained_network.POINT) for g in graphs])
    group = sampled.Group(None, skeleton, rows, graphs, candidates)
    variables = sampled.random_variables(rng, group)
    images = rng.integers(0, 256, (3, *skeleton.graph.input_shape)).astype(np.uint8)
    x = jnp.moveaxis(network.prepare_images(skeleton, (images - MEAN) / STD), 0, -1)
    results = jax.device_get(sampled.quick_jit(jax.vmap(functools.partial(
        _masked, skeleton, x)))(candidates, variables['params'], variables.get(
            'batch_stats', {}), random_masks(rng, group)))
    lively = 0
    for i, graph in enumerate(graphs):
        folded, units, logits, layers = jax.tree.map(lambda v, i=i: v[i], results)
        exact = weights.extract(skeleton, graph, folded)
        alive = {n: u[:graph.shapes()[n][0]] for n, u in units.items()}
        assert not any(u[graph.shapes()[n][0]:].any() for n, u in units.items())
        net = shrink.shrink(graph, exact, alive, mean=MEAN, std=STD)
        scale = max(np.abs(logits).max(), 1e-3)
        np.testing.assert_allclose(
            compact.logits(net, images) / scale, logits.T / scale, atol=2e-5)
        if not np.any(net.nodes[-1].weight):
            continue
        lively += np.ptp(logits, axis=1).max() > 1e-3 * scale
        _check_costs(graph, net, layers)
    assert lively >= 12


def _check_costs(graph, net, layers):
    rows = {row.name: row for row in compact_costs.layer_rows(net)}
    for i, node in enumerate(graph.layers):
        masked = [int(v[i]) for v in layers]
        row = rows.pop(node.name, None)
        assert masked == (
            [0, 0, masked[2], 0, 0, masked[5]] if row is None else [
                row.weights, row.biases, row.inputs, row.outputs, row.macs,
                row.alive]), node.name
    assert not rows
    totals = compact_costs.costs(net)
    assert [int(v) for v in memory.total(layers)] == list(totals)
    assert all(low <= v for low, v in zip(least(graph), totals))
    assert all(v <= high for v, high in zip(totals, graph_costs.graph_totals(graph)))


def test_an_add_crops_about_the_centre_by_hand():
    node = CompactNode('sum', 'add', ('a', 'b'))
    wide = np.arange(2 * 16).reshape(1, 2, 4, 4).astype(float)
    narrow = np.full((1, 1, 2, 1), 100.0)
    y = find('add').pruned.apply(node, [wide, narrow])
    # Rows 1 and 2 of four; of columns 0 to 3 the second: (4 - 1) // 2 = 1.
    np.testing.assert_array_equal(y, [[[[105.0], [109.0]], [[21.0], [25.0]]]])
    shapes = {'a': (2, 4, 4), 'b': (1, 2, 1)}
    assert find('add').pruned.output(node, shapes) == (2, 2, 1)


def test_an_average_by_hand():
    node = CompactNode('mean', 'average_pool', ('a',), kernel=2)
    x = np.array([[[[1.0, 3, 9], [5, 7, 9], [9, 9, 9]]]])
    apply = find('average_pool').pruned.apply
    np.testing.assert_array_equal(apply(node, [x]), [[[[4.0]]]])
    # Larger than a side: that whole side, so that all of it is a global pool.
    tall = CompactNode('mean', 'average_pool', ('a',), kernel=3)
    np.testing.assert_array_equal(apply(tall, [x[:, :, :, :2]]), [[[[34 / 6]]]])
    whole = Node('mean', 'average_pool', ('a',), 1, 4, 4)
    y = find('average_pool').combination.combine(
        whole, [jnp.asarray(x).reshape(1, 3, 3, 1)], [Size(jnp.int32(1), 3, 3)],
        Size(jnp.int32(1), 1, 1))
    assert y.shape == (1, 1, 1, 1) and float(y.squeeze()) == pytest.approx(61 / 9)


def test_a_dead_input_still_says_what_is_cropped():
    graph = Graph((6, 6, 1), 1, False, (
        _conv('a', 'input', 2, 1), _conv('b', 'a', 2, 3),
        Node('both', 'add', ('a', 'b'), 2), _classifier('both')))
    alive = {'input': [True], 'a': [True, True], 'b': [False] * 2,
             'both': [True, True], 'classifier': [True] * 3}
    rng = np.random.default_rng(0)
    folded = {'a': {'kernel': rng.normal(size=(2, 1, 1, 1)), 'bias': np.zeros(2)},
              'classifier': {'kernel': rng.normal(size=(3, 32)), 'bias': np.zeros(3)}}
    net = shrink.shrink(graph, folded, alive, mean=0.0, std=1.0)
    assert [n.name for n in net.nodes] == ['a', 'both', 'classifier']
    assert net.tensor_shapes()['both'] == (2, 4, 4)
    image = rng.normal(size=(1, 6, 6, 1))
    middle = np.maximum(folded['a']['kernel'][:, 0] * image[0, 1:5, 1:5, 0], 0)
    np.testing.assert_allclose(
        compact.logits(net, image)[0], folded['classifier']['kernel'] @ middle.ravel())


DOCUMENT = {'input_shape': [10, 10, 3], 'nodes': [
    {'name': 'a', 'op': 'conv', 'inputs': ['input'], 'channels': 4, 'kernel': 3},
    {'name': 'b', 'op': 'conv', 'inputs': ['a'], 'channels': 6, 'kernel': 3},
    {'name': 'both', 'op': 'add', 'inputs': ['a', 'b'], 'channels': 6, 'relu': False},
    {'name': 'mean', 'op': 'average_pool', 'inputs': ['both'], 'channels': 6,
     'kernel': 3, 'relu': False},
    {'name': 'classifier', 'op': 'dense', 'inputs': ['mean'], 'channels': 3,
     'relu': False}]}


def test_network_files_have_them_and_they_are_counted_by_hand():
    graph = graph_file.parse(DOCUMENT)
    assert graph.shapes() == {'input': (3, 10, 10), 'a': (4, 8, 8), 'b': (6, 6, 6),
                              'both': (6, 6, 6), 'mean': (6, 2, 2), 'classifier': (3,)}
    rows = {row.name: row for row in graph_costs.layer_rows(graph)}
    # It reads both of its inputs, whole, and has neither weights nor products.
    read = 4 * 64 + 6 * 36
    assert rows['both'][4:] == (0, 0, read, 6 * 36, 0, read + 6 * 36)
    assert rows['mean'][4:] == (0, 0, 6 * 36, 6 * 4, 0, 6 * 36 + 6 * 4)
    totals = graph_costs.graph_totals(graph)
    assert totals.working_memory == 4 * 64 + 6 * 36 + 6 * 36
    assert totals.model_size == 112 + 222 + 72 + 3
    trained_network.check(graph)


@pytest.mark.parametrize('number, changes, words', [
    (2, {'inputs': ['a']}, 'two feature maps or more'),
    (2, {'channels': 4}, 'the widest with as many maps as its channels'),
    (2, {'kernel': 2}, 'no kernel'),
    (2, {'batch_norm': True}, 'batch_norm: True is not allowed; allowed: false for'),
    (3, {'channels': 4}, 'as many maps as its channels'),
    (3, {'inputs': ['both', 'a']}, 'one feature map'),
])
def test_what_they_cannot_read_is_one_line(number, changes, words):
    nodes = list(DOCUMENT['nodes'])
    nodes[number] = nodes[number] | changes
    with pytest.raises(graph_file.NetworkFileError, match=words):
        graph_file.parse(DOCUMENT | {'nodes': nodes})


def test_a_compact_network_runs_them():
    rng = np.random.default_rng(0)
    net = CompactNet((4, 4, 2), 1, False, 0.0, 1.0, (
        CompactNode('mean', 'average_pool', ('input',), kernel=2),
        CompactNode('both', 'add', ('input', 'mean'), relu=True, pool=2),
        CompactNode('last', 'dense', ('both',), np.ones((1, 2)))))
    image = rng.normal(size=(1, 4, 4, 2))
    x = np.moveaxis(image, -1, 1)
    mean = x.reshape(1, 2, 2, 2, 2, 2).mean((3, 5))
    expected = np.maximum(x[:, :, 1:3, 1:3] + mean, 0).max((2, 3)).sum()
    np.testing.assert_allclose(compact.logits(net, image), [[expected]])
