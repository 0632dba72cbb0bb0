"""A shrunk network computes, and costs, what the masked network does."""

import jax
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
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.objectives import compact_costs, memory
from sparse_jax.pruning import METHODS, keep
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.space.sparse_space import sparse_space
from tests import sampled
from tests.sampled_masks import random_masks

MEAN, STD = 90.0, 60.0
CASES = [((8, 8, 1), 4, TierPolicy(widths=(8, 32, 100), kernels=((2, 5),))),
         ((11, 9, 3), 2, TierPolicy(widths=(100,), kernels=((2, 3), (4, 5))))]
PRUNERS = ('random', *METHODS)


def _scattered(rng, tree):
    """A posterior far from its initial values, so that methods remove much: one number
    of a layer, a log threshold, among the sizes of the weights."""
    spread = lambda leaf: (leaf + rng.normal(0, 5, leaf.shape) if leaf.ndim > 1
                           else rng.uniform(-7, -3, leaf.shape))
    return jax.tree.map(lambda leaf: np.asarray(spread(leaf), np.float32), tree)


def _prune(name, skeleton, candidate, params, stats, scatter, masks):
    """(means, kept) of one candidate under one method."""
    valid = sizes.valid_weights(skeleton, candidate)
    if name == 'random':
        return params, {n: masks[n] & leaf['kernel'] for n, leaf in valid.items()}
    method = METHODS[name]()
    thresholds = {n.name: 100 * candidate.threshold[i]
                  for i, n in enumerate(skeleton.graph.nodes)}
    kept = keep(method, params, scatter, valid, offset=candidate.log_alpha_offset,
                thresholds=thresholds)
    return method.mean(params, scatter), kept


@pytest.fixture(scope='module')
def pairs():
    """[(pruner, exact graph, masked logits, masked layer costs, net)], 128 of them."""
    found, rng, turn = [], np.random.default_rng(5), 0
    for seed, (shape, classes, policy) in enumerate(CASES):
        space = sparse_space(shape, classes)
        images = rng.integers(0, 256, (3, *shape)).astype(np.uint8)
        for group in sampled.groups(space, policy, skeletons=4, members=16,
                                    seed=40 + seed, max_weights=40_000):
            pruner = PRUNERS[turn % len(PRUNERS)]
            turn += 1
            found += [(pruner, *pair) for pair in _pairs(rng, pruner, group, images)]
    return found


def _pairs(rng, pruner, group, images):
    skeleton = group.skeleton
    variables = sampled.random_variables(rng, group)
    params, stats = variables['params'], variables.get('batch_stats', {})
    scatter = {}
    if pruner != 'random':
        scatter = _scattered(rng, sampled.quick_jit(jax.vmap(
            lambda p: METHODS[pruner]().init(p, None)))(params))
    scaled = (images.astype(np.float32) - MEAN) / STD

    def masked(candidate, params, stats, scatter, masks):
        means, kept = _prune(
            pruner, skeleton, candidate, params, stats, scatter, masks)
        pruned = connectivity.live(skeleton, candidate, kept)
        folded = deploy.fold_and_mask(skeleton, means, stats, pruned)
        x = network.prepare_images(skeleton, scaled)
        logits = deploy.predict(
            skeleton, folded, candidate, jax.numpy.moveaxis(x, 0, -1))
        layers = memory.layer_costs(skeleton, candidate, pruned)
        return folded, pruned.units, logits, layers

    results = jax.device_get(sampled.quick_jit(jax.vmap(masked))(
        group.candidates, params, stats, scatter, random_masks(rng, group)))
    for i, graph in enumerate(group.graphs):
        folded, units, logits, layers = jax.tree.map(lambda v, i=i: v[i], results)
        exact = weights.extract(skeleton, graph, folded)
        shapes = graph.shapes()
        alive = {n: u[:shapes[n][0]] for n, u in units.items()}
        net = shrink.shrink(graph, exact, alive, mean=MEAN, std=STD,
                            gather=bool(i % 3))
        # The first of two classes is the zero of the one unit that is left of them.
        yield (graph, images, logits.T if len(logits) > 2 else np.diff(logits.T),
               layers, net)


def test_logits_are_equal(pairs):
    lively = dict.fromkeys(PRUNERS, 0)
    for pruner, graph, images, logits, _, net in pairs:
        ours = compact.logits(net, images)
        scale = np.abs(logits).max()
        np.testing.assert_allclose(ours / scale, logits / scale, atol=2e-5)
        # Different images, different logits: the network was not all dead.
        assert ours.shape[1] == len(net.nodes[-1].weight) == (
            1 if graph.num_classes == 2 else 4)
        assert net.classes == graph.num_classes
        lively[pruner] += np.ptp(logits, axis=0).max() > 1e-3 * scale
    assert min(lively.values()) >= 6, lively


def test_the_sample_covers_layers_merges_norms_and_cuts(pairs):
    ops, cut, gathered = set(), 0, 0
    for _, graph, _, _, _, net in pairs:
        ops |= {n.op for n in net.nodes}
        ops |= {'norm'} if any(n.batch_norm for n in graph.nodes) else set()
        ops |= {'pool'} if any(n.pool > 1 for n in net.nodes) else set()
        before = {n.name: n.channels for n in graph.nodes}
        cut += any(n.weight is not None and len(n.weight) < before[n.name]
                   for n in net.nodes)
        gathered += any(n.gather is not None for n in net.nodes)
    assert ops == {'conv', 'depthwise', 'dense', 'sum', 'concatenate', 'norm', 'pool'}
    assert cut > 40 and gathered > 15


def test_costs_are_equal(pairs):
    compared = 0
    for _, graph, _, _, layers, net in pairs:
        if not np.any(net.nodes[-1].weight):
            continue
        compared += 1
        rows = {row.name: row for row in compact_costs.layer_rows(net)}
        for i, node in enumerate(graph.weighted_nodes):
            masked = [int(v[i]) for v in layers]
            if node.name not in rows:
                assert masked[:2] == [0, 0] and masked[3:] == [0, 0, 0]
                continue
            row = rows.pop(node.name)
            assert masked == [row.weights, row.biases, row.inputs, row.outputs,
                              row.macs, row.alive], node.name
        assert not rows
        totals = memory.total(jax.tree.map(np.asarray, layers))
        assert [int(v) for v in totals] == list(compact_costs.costs(net))
    assert compared >= 75


def test_nothing_dead_is_left(pairs):
    """Every array has only rows and columns that are needed, but forced ones."""
    for _, _, _, _, _, net in pairs:
        shapes = net.tensor_shapes()
        assert all(min(shape) >= 1 for shape in shapes.values())
        read = {t for n in net.nodes for t in n.inputs}
        assert {n.name for n in net.nodes[:-1]} <= read
        forced = {t for n in net.nodes if n.op == 'sum' for t in n.inputs}
        for node in net.nodes[:-1]:
            if node.weight is None or node.op == 'depthwise' or node.name in forced:
                continue
            rows = node.weight.reshape(len(node.weight), -1)
            assert (rows != 0).any(axis=1).all(), node.name


def _live_net(graph, kept, params):
    """Shrink a hand-made exact graph; every unit that lives, all weights kept."""
    skeleton, candidate = sampled.unpadded(graph)
    pruned = connectivity.live(skeleton, candidate, kept)
    folded = deploy.fold_and_mask(skeleton, params, {}, pruned)
    host = jax.device_get((folded, pruned.units))
    return skeleton, candidate, folded, shrink.shrink(
        graph, *host, mean=0.0, std=1.0)


def _random_params(rng, graph):
    skeleton, candidate = sampled.unpadded(graph)
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), skeleton, candidate))
    params = jax.tree.map(
        lambda s: rng.normal(size=s.shape).astype(np.float32), shapes['params'])
    kept = {n: np.ones(leaf['kernel'].shape, bool) for n, leaf in params.items()}
    return params, kept


def _conv(name, source, filters, kernel, **more):
    return Node(name, 'conv', (source,), filters, kernel, kernel, **more)


def test_a_depthwise_layer_beside_a_branch():
    """Maps dead in the depthwise layer live on through the left branch."""
    graph = Graph((8, 8, 1), 1, False, (
        _conv('one', 'input', 4, 3),
        Node('two-depthwise', 'depthwise', ('one',), 4, 2, 2, relu=False),
        _conv('two', 'two-depthwise', 3, 1), Node('left-fc', 'dense', ('one',), 5),
        Node('classifier', 'dense', ('two', 'left-fc'), 2, relu=False)))
    rng = np.random.default_rng(0)
    params, kept = _random_params(rng, graph)
    kept['two-depthwise'][1:3] = False
    skeleton, candidate, folded, net = _live_net(graph, kept, params)
    images = rng.normal(size=(4, 8, 8, 1)).astype(np.float32)
    x = np.moveaxis(np.asarray(network.prepare_images(skeleton, images)), 0, -1)
    masked = deploy.predict(skeleton, folded, candidate, x)
    np.testing.assert_allclose(
        compact.logits(net, images), np.diff(masked.T), atol=1e-4)
    assert net.nodes[1].weight.shape == (4, 2, 2)


def test_an_empty_network_is_its_last_bias():
    graph = Graph((6, 6, 1), 1, False, (
        _conv('one', 'input', 4, 3),
        Node('classifier', 'dense', ('one',), 3, relu=False)))
    rng = np.random.default_rng(1)
    params, kept = _random_params(rng, graph)
    kept['one'][:] = False
    _, _, folded, net = _live_net(graph, kept, params)
    logits = compact.logits(net, rng.normal(size=(2, 6, 6, 1)))
    np.testing.assert_allclose(
        logits, np.tile(folded['classifier']['bias'], (2, 1)), rtol=1e-6)
    assert np.ptp(logits, axis=1).min() > 0


def test_a_dead_branch_leaves_a_sum_of_one():
    graph = Graph((6, 6, 1), 1, False, (
        _conv('one', 'input', 4, 3), Node('main-fc', 'dense', ('one',), 5),
        Node('right-fc', 'dense', ('input',), 5),
        Node('merge', 'sum', ('main-fc', 'right-fc'), 5, relu=False),
        Node('classifier', 'dense', ('merge',), 3, relu=False)))
    rng = np.random.default_rng(2)
    params, kept = _random_params(rng, graph)
    kept['one'][:] = False
    kept['right-fc'][3:] = False
    skeleton, candidate, folded, net = _live_net(graph, kept, params)
    assert [n.name for n in net.nodes] == ['right-fc', 'merge', 'classifier']
    assert net.nodes[0].weight.shape == (3, 36)
    images = rng.normal(size=(4, 6, 6, 1)).astype(np.float32)
    x = np.moveaxis(images, 0, -1).transpose(2, 0, 1, 3)
    masked = deploy.predict(skeleton, folded, candidate, x)
    np.testing.assert_allclose(compact.logits(net, images), masked.T, atol=1e-4)
