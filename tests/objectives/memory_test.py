"""Golden values of the paper and a slow per-unit reference of the memory model."""

import jax
import numpy as np
import pytest

from sparse_jax.model import connectivity, sizes, weights
from sparse_jax.model.skeleton import EXACT, Candidate, TierPolicy, pad
from sparse_jax.objectives import graph_costs, memory
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.space.sparse_space import sparse_space
from tests import sampled, unit_reference
from tests.sampled_masks import random_masks


def _conv(name, source, filters, kernel, pool=1):
    return Node(name, 'conv', (source,), filters, kernel, kernel, pool=pool)


def _candidate(graph):
    zero, count = np.float32(0), len(graph.nodes)
    return Candidate(
        np.array([n.channels for n in graph.nodes], np.int32),
        np.array([n.kernel for n in graph.nodes], np.int32),
        np.zeros(count, np.float32), *[zero] * 6)


def _costs(graph, policy=EXACT, drop=lambda kept: kept):
    """(Costs, LayerCosts) as integers, all weights kept but those that `drop` drops."""
    skeleton, candidate = pad(graph, policy), _candidate(graph)
    valid = sizes.valid_weights(skeleton, candidate)
    kept = drop({name: leaf['kernel'] for name, leaf in valid.items()})
    pruned = connectivity.live(skeleton, candidate, kept)
    layers = memory.layer_costs(skeleton, candidate, pruned)
    whole = memory.Costs(*(int(v) for v in memory.total(layers)))
    return whole, jax.tree.map(lambda v: np.asarray(v).astype(int).tolist(), layers)


LENET = Graph((28, 28, 1), 1, False, (
    _conv('conv1', 'input', 20, 5, 2), _conv('conv2', 'conv1', 50, 5, 2),
    Node('fc1', 'dense', ('conv2',), 500),
    Node('classifier', 'dense', ('fc1',), 10, relu=False)))


@pytest.mark.parametrize('policy', [EXACT, sampled.RANGES], ids=['exact', 'padded'])
def test_lenet(policy):
    """20-50-500-10 of Caffe: 431080 parameters, "12 KB SRAM" under (6)."""
    costs, layers = _costs(LENET, policy)
    assert costs.model_size == 431_080
    assert costs.working_memory == 784 + 24 * 24 * 20 == 12_304
    assert costs.working_memory_weights == 800 + 400_000
    assert costs.macs == 2_293_000
    assert layers.weights == [500, 25_000, 400_000, 5_000]
    assert layers.biases == [20, 50, 500, 10]
    assert layers.inputs == [784, 2_880, 800, 500]
    assert layers.outputs == [11_520, 3_200, 500, 10]
    # 576 and 64 positions; dense layers multiply once
    assert layers.macs == [500 * 576, 25_000 * 64, 400_000, 5_000]
    # Without the image: a pool reads and writes, 11520 + 2880 as uNAS counts it.
    assert layers.alive == [14_400, 6_080, 800 + 500, 500 + 10]
    assert costs.working_memory_without_image == 14_400


def test_lenet_before_training():
    rows = graph_costs.layer_rows(LENET)
    assert graph_costs.totals(rows) == (431_080, 12_304, 400_800, 2_293_000, 14_400)
    assert [r.input_output for r in rows] == [12_304, 6_080, 1_300, 510]


DEPLOYED = Graph((28, 28, 1), 3, False, (
    _conv('conv', 'input', 22, 5),
    Node('classifier', 'dense', ('conv',), 10, relu=False)))


@pytest.mark.parametrize('policy', [EXACT, TierPolicy((32,), (), ((5, 5),))],
                         ids=['exact', 'padded'])
def test_the_network_that_the_authors_deployed(policy):
    """9x9 -> 22 maps of 5x5 -> 122 of 550 elements -> 10: 1.76 KB and 0.62 KB."""
    rng = np.random.default_rng(0)
    # One element of every map, then 100 more: 122 scattered over all maps.
    chosen = np.arange(22) * 25 + rng.integers(0, 25, 22)
    rest = np.setdiff1d(np.arange(550), chosen)
    chosen = np.concatenate([chosen, rng.permutation(rest)[:100]])

    def drop(kept):
        columns = np.zeros(kept['classifier'].shape[1], bool)
        columns[chosen] = True
        return kept | {'classifier': kept['classifier'] & columns}

    costs, layers = _costs(DEPLOYED, policy, drop)
    assert costs.model_size == 550 + 22 + 1220 + 10 == 1802
    # The convolution's y counts in full although 122 of its 550 elements are read.
    assert costs.working_memory == 81 + 550 == 631
    assert costs.working_memory_weights == 550 + 1220
    # The down-sampled image is a tensor that the network makes.
    assert costs.working_memory_without_image == 81 + 550
    assert layers.macs == [550 * 25, 1220]


@pytest.mark.parametrize('downsample, expected', [(1, 400), (2, 196 + 300)])
def test_memory_without_the_image(downsample, expected):
    """LeNet-300-100: 300 + 100 of 784-300-100-10, as uNAS counts it."""
    graph = Graph((28, 28, 1), downsample, False, (
        Node('fc1', 'dense', ('input',), 300), Node('fc2', 'dense', ('fc1',), 100),
        Node('classifier', 'dense', ('fc2',), 10, relu=False)))
    costs, layers = _costs(graph)
    assert costs.working_memory_without_image == expected
    assert layers.alive[1:] == [400, 110]


def test_colours_that_become_one_are_a_tensor_of_the_network():
    whole, squeezed = (Graph((8, 8, 3), 1, squeeze, (
        _conv('conv', 'input', 2, 3),
        Node('classifier', 'dense', ('conv',), 2, relu=False)))
        for squeeze in (False, True))
    # One output unit for two classes.
    assert _costs(whole)[1].alive == [72, 73]
    assert _costs(squeezed)[1].alive == [64 + 72, 73]


def test_what_a_later_layer_reads_stays_alive():
    """The left branch holds the first block's maps while the second one runs."""
    graph = Graph((8, 8, 1), 1, False, (
        _conv('one', 'input', 4, 3, 2), _conv('two', 'one', 3, 2),
        Node('main-fc', 'dense', ('two',), 5), Node('left-fc', 'dense', ('one',), 5),
        Node('merge', 'sum', ('main-fc', 'left-fc'), 5, relu=False),
        Node('classifier', 'dense', ('merge',), 3, relu=False)))
    costs, layers = _costs(graph)
    # 4x6x6 -> 4x3x3 = 36, 3x2x2 = 12; 36 stay until left-fc has read them.
    assert layers.alive == [144 + 36, 36 + 12, 36 + 12 + 5, 5 + 36 + 5, 5 + 5 + 3]
    assert costs.working_memory_without_image == 180

    def drop(kept):
        return kept | {'left-fc': np.zeros_like(kept['left-fc'])}

    # The merge keeps the branch's units, as biases, but nobody reads `one` later.
    assert _costs(graph, drop=drop)[1].alive[1] == 36 + 12


def test_a_removed_map_takes_everything_at_it_along():
    """20 -> 7 maps in conv1: conv2 loses 13 x 25 x 50 weights, y shrinks."""
    def drop(kept):
        kernel = np.array(kept['conv1'])
        kernel[7:] = False
        return kept | {'conv1': kernel}

    costs, layers = _costs(LENET, drop=drop)
    assert layers.weights == [175, 7 * 25 * 50, 400_000, 5_000]
    assert layers.biases == [7, 50, 500, 10]
    assert layers.inputs == [784, 7 * 144, 800, 500]
    assert layers.outputs == [7 * 576, 3_200, 500, 10]
    assert costs.working_memory == 784 + 7 * 576


def test_a_map_that_nobody_reads_is_gone_too():
    def drop(kept):
        kernel = np.array(kept['conv2'])
        kernel[:, 5:] = False
        return kept | {'conv2': kernel}

    _, layers = _costs(LENET, drop=drop)
    assert layers.weights[:2] == [125, 5 * 25 * 50] and layers.biases[0] == 5


def test_a_dead_layer_reads_nothing():
    """Of several tensors, which are larger together than what a living layer reads."""
    graph = Graph((6, 6, 1), 1, False, (
        _conv('a', 'input', 2, 3), _conv('b', 'input', 2, 3),
        Node('side', 'dense', ('a', 'b'), 4),
        Node('fc', 'dense', ('a',), 1), Node('gc', 'dense', ('b',), 1),
        Node('classifier', 'dense', ('fc', 'gc', 'side'), 3, relu=False)))
    drop = lambda kept: kept | {'side': np.zeros_like(kept['side'])}
    costs, layers = _costs(graph, drop=drop)
    assert layers.inputs == [36, 36, 0, 32, 32, 2]
    assert costs.working_memory_weights == 32 + 32


def test_both_inputs_of_a_merge_count():
    nodes = (_conv('conv', 'input', 4, 3, 2), Node('main-fc', 'dense', ('conv',), 6),
             Node('right-fc', 'dense', ('input',), 6))
    last = lambda *inputs: Node('classifier', 'dense', inputs, 3, relu=False)
    merge = Node('merge', 'sum', ('main-fc', 'right-fc'), 6, relu=False)
    for graph, fan_in in (
            (Graph((8, 8, 1), 1, False, (*nodes, merge, last('merge'))), 6),
            (Graph((8, 8, 1), 1, False, (*nodes, last('main-fc', 'right-fc'))), 12)):
        costs, layers = _costs(graph)
        # conv 64 -> 4x6x6, FCs 36 -> 6 and 64 -> 6, classifier reads both vectors
        assert layers.inputs == [64, 36, 64, 12]
        assert layers.outputs == [144, 6, 6, 3]
        assert layers.weights == [36, 216, 384, 3 * fan_in]
        assert costs.working_memory == 208
        assert costs.working_memory_weights == 64 + 384
        assert costs.model_size == 36 + 216 + 384 + 3 * fan_in + 4 + 6 + 6 + 3


def test_a_depthwise_layer_keeps_the_maps_of_its_input():
    """A map that lives through the left branch stays in a depthwise layer, as zeros."""
    graph = Graph((8, 8, 1), 1, False, (
        _conv('one', 'input', 4, 3),
        Node('two-depthwise', 'depthwise', ('one',), 4, 2, 2, relu=False),
        _conv('two', 'two-depthwise', 3, 1), Node('left-fc', 'dense', ('one',), 5),
        Node('classifier', 'dense', ('two', 'left-fc'), 2, relu=False)))

    def drop(kept):
        kernel = np.array(kept['two-depthwise'])
        kernel[1:3] = False
        return kept | {'two-depthwise': kernel}

    _, layers = _costs(graph, drop=drop)
    # 6x6 maps; the depthwise layer works on all 4, its weights are those of 2.
    assert layers.weights == [36, 2 * 4, 2 * 3, 5 * 144, 75 + 5]
    assert layers.outputs == [144, 4 * 25, 75, 5, 1]
    assert layers.inputs == [64, 144, 100, 144, 80]


CASES = [((8, 8, 1), TierPolicy(widths=(8, 32, 100), kernels=((2, 5),))),
         ((11, 9, 3), TierPolicy(widths=(100,), kernels=((2, 3), (4, 5))))]


@pytest.fixture(scope='module')
def pruned_groups():
    """120 points as (group, stacked: kept masks, Live, LayerCosts, total before)."""
    found, rng = [], np.random.default_rng(1)
    for seed, (shape, policy) in enumerate(CASES):
        for group in sampled.groups(sparse_space(shape, 4), policy, skeletons=5,
                                    members=12, seed=20 + seed, max_weights=60_000):
            skeleton = group.skeleton

            def count(candidate, kept, skeleton=skeleton):
                pruned = connectivity.live(skeleton, candidate, kept)
                return pruned, memory.layer_costs(skeleton, candidate, pruned)

            def both(candidate, masks, skeleton=skeleton, count=count):
                valid = sizes.valid_weights(skeleton, candidate)
                whole = {name: leaf['kernel'] for name, leaf in valid.items()}
                kept = {name: mask & masks[name] for name, mask in whole.items()}
                before = memory.total(count(candidate, whole)[1])
                return kept, *count(candidate, kept), before

            found.append((group, *jax.device_get(sampled.quick_jit(jax.vmap(both))(
                group.candidates, random_masks(rng, group)))))
    return found


def _members(pruned_groups):
    """Exact (graph, kept, alive units, kernels, layer costs, totals), one by one."""
    for group, kept, pruned, layers, _ in pruned_groups:
        for i, graph in enumerate(group.graphs):
            cut = lambda tree, i=i, graph=graph, group=group: {
                name: leaf['kernel'] for name, leaf in weights.extract(
                    group.skeleton, graph,
                    {n: {'kernel': v[i]} for n, v in tree.items()}).items()}
            shapes = graph.shapes()
            units = {n: u[i][:shapes[n][0]] for n, u in pruned.units.items()}
            beyond = [u[i][shapes[n][0]:].any() for n, u in pruned.units.items()]
            assert not any(beyond)
            mine = jax.tree.map(lambda v, i=i: v[i], layers)
            yield graph, cut(kept), units, cut(pruned.kernel), mine


def test_living_units_and_weights_equal_a_search_unit_by_unit(pruned_groups):
    dead = partly = 0
    for graph, kept, units, kernels, _ in _members(pruned_groups):
        alive, stay = unit_reference.living_units(graph, kept)
        for name, mask in stay.items():
            np.testing.assert_array_equal(units[name], mask, err_msg=name)
            dead += not mask.any()
            partly += 0 < mask.mean() < 1
        for node in graph.weighted_nodes:
            expected = unit_reference.living_kernel(
                graph, node, kept[node.name], alive)
            np.testing.assert_array_equal(kernels[node.name], expected)
    assert dead > 30 and partly > 100


def test_layer_costs_equal_a_slow_count(pruned_groups):
    count = 0
    for graph, kept, _, kernels, layers in _members(pruned_groups):
        _, stay = unit_reference.living_units(graph, kept)
        numbers = {name: kernel.sum() for name, kernel in kernels.items()}
        expected = unit_reference.layer_counts(graph, stay, numbers)
        for ours, theirs in zip(layers, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        whole = memory.total(jax.tree.map(np.asarray, layers))
        assert [int(v) for v in whole] == unit_reference.totals(expected)
        count += 1
    assert count >= 100


def test_nothing_dropped_is_the_count_before_training(pruned_groups):
    """Two independent counts agree; pruning never adds to any number."""
    for group, _, _, layers, before in pruned_groups:
        for i, graph in enumerate(group.graphs):
            expected = graph_costs.totals(graph_costs.layer_rows(graph))
            assert [int(v[i]) for v in before] == list(expected)
            mine = memory.total(jax.tree.map(lambda v, i=i: v[i], layers))
            assert all(int(a) <= b for a, b in zip(mine, expected))
