"""Graphs, shapes and FC widths worked out by hand."""

import dataclasses
import pickle

import pytest

from sparse_jax.space import layer_types, network_file
from sparse_jax.space.architecture import Graph, Node, fc_units, resolve
from sparse_jax.space.sparse_space import sparse_space


def _point(**changes):
    point = {
        'downsample-input-in-depth': False, 'downsample-input': False,
        'input-downsampling-rate': 2, 'batch-norm': False, 'num-conv-blocks': 1,
        'num-fc-layers': 0, 'total-fc-layer-weights': 10_000,
        'weight-fraction-main-branch': 0.5, 'weight-fraction-left-branch': 0.5,
        'weight-fraction-right-branch': 0.5, 'left-branch': False,
        'right-branch': False, 'merge-type': 'Concatenate'}
    for k in (1, 2):
        point |= {f'num-conv-layers-block-{k}': 1, f'pool-block-{k}': True}
        for l in (1, 2, 3):
            tag = f'block-{k}-layer-{l}'
            point |= {f'layer-type-{tag}': 'Conv2D', f'kernel-size-{tag}': 3,
                      f'num-filters-{tag}': 8, f'downsample-{tag}': 0.25}
    return point | {name.replace('_', '-'): v for name, v in changes.items()}


def _shapes(graph):
    return {n: s for n, s in graph.shapes().items() if n != 'input'}


def test_two_blocks_of_a_grey_image():
    graph = resolve(_point(num_conv_blocks=2, num_conv_layers_block_1=2,
                           num_filters_block_2_layer_1=5), (28, 28, 1), 10)
    # 28 -3+1-> 26 -> 24 -pool-> 12 -3+1-> 10 -pool-> 5
    assert _shapes(graph) == {
        'block-1-layer-1': (8, 26, 26), 'block-1-layer-2': (8, 12, 12),
        'block-2-layer-1': (5, 5, 5), 'classifier': (10,)}
    assert [n.pool for n in graph.nodes] == [1, 2, 2, 1]
    assert [n.relu for n in graph.nodes] == [True, True, True, False]
    assert graph.num_classes == 10 and graph.feasible()


@pytest.mark.parametrize('side', [28, 128, 200, 300])
def test_a_global_pool_covers_images_of_any_size(side):
    graph = resolve(_point(**{'pool_type_block_1': 'global'}), (side, side, 1), 10)
    assert _shapes(graph)['block-1-pool'] == (8, 1, 1)
    node, = [node for node in graph.nodes if node.name == 'block-1-pool']
    assert node.kernel == max(128, side)


def test_odd_maps_lose_a_row_when_pooled_and_the_image_is_not_square():
    graph = resolve(_point(kernel_size_block_1_layer_1=4), (11, 20, 3), 4)
    assert graph.image_shape() == (3, 11, 20)
    assert graph.shapes()['block-1-layer-1'] == (8, 4, 8)  # 8 x 17 before the pool


@pytest.mark.parametrize('rate, side', [(2, 14), (3, 9), (4, 7)])
def test_input_down_sampling(rate, side):
    point = _point(downsample_input=True, input_downsampling_rate=rate,
                   downsample_input_in_depth=True, pool_block_1=False)
    graph = resolve(point, (28, 28, 3), 10)
    assert graph.shapes()['input'] == (1, side, side)
    assert graph.shapes()['block-1-layer-1'] == (8, side - 2, side - 2)


def test_layer_types():
    point = _point(
        num_conv_layers_block_1=3, pool_block_1=False, batch_norm=True,
        num_filters_block_1_layer_1=10,
        layer_type_block_1_layer_2='DownsampledConv2D',
        kernel_size_block_1_layer_2=5,
        layer_type_block_1_layer_3='SeparableConv2D', num_filters_block_1_layer_3=6)
    graph = resolve(point, (12, 12, 3), 4)
    rows = [(n.name[8:], n.op, n.channels, n.kernel, n.relu, n.batch_norm, n.biased)
            for n in graph.nodes[:-1]]
    assert rows == [
        ('layer-1', 'conv', 10, 3, True, True, True),
        ('layer-2-reduce', 'conv', 3, 1, False, False, False),  # round(2.5) up
        ('layer-2', 'conv', 8, 5, True, True, True),
        ('layer-3-depthwise', 'depthwise', 8, 3, False, False, False),
        ('layer-3', 'conv', 6, 1, True, True, True)]
    assert _shapes(graph)['block-1-layer-3'] == (6, 4, 4)
    # Both halves of a layer share its table row, and so its threshold.
    assert {n.knob for n in graph.nodes[1:3]} == {'block-1-layer-2'}
    classifier = graph.nodes[-1]
    assert classifier.biased and not classifier.batch_norm


@pytest.mark.parametrize('fraction, channels, maps', [
    (0.0, 16, 1), (0.5, 1, 1), (0.5, 3, 2), (0.25, 10, 3), (0.24, 10, 2), (0.5, 7, 4)])
def test_reduced_channels_round_to_the_nearest(fraction, channels, maps):
    assert layer_types.reduced_channels(fraction, channels) == maps


def test_fc_layer_of_the_main_branch():
    point = _point(num_fc_layers=1)
    assert fc_units(point, {'main': 300}) == {'main': 33}  # floor(10000 / 300)
    assert fc_units(point, {'main': 10_000}) == {'main': 1}
    assert fc_units(point, {'main': 10_001}) == {'main': 1}  # never none
    assert fc_units(_point(), {'main': 300}) == {}


def test_fractions_are_normalised_over_the_branches_that_exist():
    fan_in = {'main': 100, 'left': 50, 'right': 64}
    point = _point(num_fc_layers=1, left_branch=True,
                   weight_fraction_main_branch=0.3, weight_fraction_left_branch=0.1,
                   weight_fraction_right_branch=0.9)
    # 7500 / 100 and 2500 / 50; the right branch does not exist.
    assert fc_units(point, fan_in) == {'main': 75, 'left': 50}
    both = point | {'right-branch': True, 'weight-fraction-right-branch': 0.4}
    # Eighths of 10000: 3750 / 100, 1250 / 50, 5000 / 64.
    assert fc_units(both, fan_in) == {'main': 37, 'left': 25, 'right': 78}


def test_no_fraction_at_all_shares_equally():
    point = _point(num_fc_layers=1, left_branch=True, weight_fraction_main_branch=0.0,
                   weight_fraction_left_branch=0.0)
    assert fc_units(point, {'main': 100, 'left': 50}) == {'main': 50, 'left': 100}


def test_without_an_fc_layer_a_lone_branch_gets_the_whole_budget():
    point = _point(left_branch=True, weight_fraction_left_branch=0.1)
    assert fc_units(point, {'main': 100, 'left': 50}) == {'left': 200}


def test_a_sum_gives_all_branches_the_smallest_width():
    point = _point(left_branch=True, right_branch=True, merge_type='Sum',
                   weight_fraction_main_branch=0.2, weight_fraction_left_branch=0.2,
                   weight_fraction_right_branch=0.1)
    # 4000 / 100, 4000 / 50, 2000 / 64: a main FC exists although num-fc-layers = 0.
    assert fc_units(point, {'main': 100, 'left': 50, 'right': 64}) == dict.fromkeys(
        ('main', 'left', 'right'), 31)


def test_branches_read_the_last_block_the_first_block_and_the_image():
    point = _point(num_conv_blocks=2, left_branch=True, right_branch=True,
                   num_fc_layers=1, num_conv_layers_block_1=2,
                   total_fc_layer_weights=90_000, batch_norm=True)
    graph = resolve(point, (16, 16, 2), 7)
    # image 2x16x16 = 512, block 1 8x6x6 = 288, block 2 8x2x2 = 32; 30000 weights each
    assert graph.shapes()['block-1-layer-2'] == (8, 6, 6)
    assert [(n.name, n.inputs, n.channels, n.batch_norm) for n in graph.nodes[3:]] == [
        ('main-fc', ('block-2-layer-1',), 937, True),
        ('left-fc', ('block-1-layer-2',), 104, True),
        ('right-fc', ('input',), 58, True),
        ('classifier', ('main-fc', 'left-fc', 'right-fc'), 7, False)]


def test_main_branch_without_fc_is_concatenated_flat():
    graph = resolve(_point(right_branch=True), (8, 8, 1), 3)
    assert graph.nodes[-1].inputs == ('block-1-layer-1', 'right-fc')
    assert [n.name for n in graph.nodes] == [
        'block-1-layer-1', 'right-fc', 'classifier']
    assert graph.nodes[1].channels == 10_000 // 64


def test_sum_merge_node():
    graph = resolve(_point(left_branch=True, merge_type='Sum'), (8, 8, 1), 3)
    merge, classifier = graph.nodes[-2:]
    assert (merge.op, merge.inputs) == ('sum', ('main-fc', 'left-fc'))
    # 5000 / (8 * 3 * 3) for either branch
    assert merge.channels == 69 and classifier.inputs == ('merge',)
    assert not merge.weighted and not merge.relu
    assert merge not in graph.weighted_nodes


def test_merge_type_does_not_matter_without_branches():
    a, b = (resolve(_point(num_fc_layers=1, merge_type=m), (8, 8, 1), 3)
            for m in ('Sum', 'Concatenate'))
    assert a == b and [n.name for n in a.nodes] == [
        'block-1-layer-1', 'main-fc', 'classifier']


@pytest.mark.parametrize('changes, feasible', [
    ({'kernel_size_block_1_layer_1': 5, 'pool_block_1': False}, True),  # 5 -> 1
    ({'kernel_size_block_1_layer_1': 5}, False),  # 1 -> 0 by the pool
    ({'kernel_size_block_1_layer_1': 4}, True),  # 2 -> 1
    ({'num_conv_layers_block_1': 3, 'pool_block_1': False}, False),  # 3, 1, -1
    ({'downsample_input': True, 'input_downsampling_rate': 4}, False),
])
def test_feasibility(changes, feasible):
    assert resolve(_point(**changes), (5, 5, 1), 3).feasible() == feasible


def test_the_deployed_network_of_the_authors_is_in_the_space():
    """28x28 -> max-pool 3 -> conv 5x5 VALID, 22 maps -> FC 10, no pool."""
    space = sparse_space((28, 28, 1), 10)
    point = network_file.check(space, {
        'downsample-input': True, 'input-downsampling-rate': 3,
        'zero-regularization-epochs': 5, 'annealing-epochs': 15, 'alpha': 1.0,
        'pretraining': False, 'batch-norm': False, 'num-conv-blocks': 1,
        'num-fc-layers': 0, 'left-branch': False, 'right-branch': False,
        'num-conv-layers-block-1': 1, 'pool-block-1': False,
        'layer-type-block-1-layer-1': 'Conv2D', 'kernel-size-block-1-layer-1': 5,
        'num-filters-block-1-layer-1': 22})
    assert resolve(point, (28, 28, 1), 10) == Graph((28, 28, 1), 3, False, (
        Node('block-1-layer-1', 'conv', ('input',), 22, 5, 5,
             knob='block-1-layer-1'),
        Node('classifier', 'dense', ('block-1-layer-1',), 10, relu=False)))


def test_remembered_shapes_are_those_of_the_nodes():
    graph = resolve(_point(num_conv_blocks=2, num_fc_layers=1, left_branch=True),
                    (28, 28, 1), 10)
    anew = Graph(*(getattr(graph, f.name) for f in dataclasses.fields(graph)))
    assert graph.shapes() == anew.shapes() and graph.shapes() is graph.shapes()
    # Nothing that is remembered travels.
    copy = pickle.loads(pickle.dumps(graph))
    assert copy == graph and copy.shapes() == graph.shapes()
