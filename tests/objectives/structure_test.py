"""Features of a network, counted by hand."""

import numpy as np
import pytest

from sparse_jax.objectives import structure
from sparse_jax.ops import Node
from sparse_jax.space.architecture import WHOLE, Graph

GRAPH = Graph((32, 32, 3), 2, True, (
    Node('a', 'conv', ('input',), 8, 5, 5, stride=2),
    Node('b-reduce', 'conv', ('a',), 2, relu=False),
    Node('b', 'conv', ('b-reduce',), 16, 3, 3),
    Node('pool', 'average_pool', ('b',), 16, 2, 2, relu=False),
    Node('main-fc', 'dense', ('pool',), 4),
    Node('classifier', 'dense', ('main-fc',), 3, relu=False)))
"""A grey image of 16x16; maps of 6x6 (5x5 windows, every other one), 4x4, means 2x2."""


def test_every_feature_by_hand():
    """Weights: 200 and 8, 16, 288 and 16, 256 and 4, 12 and 3."""
    found = structure.features(GRAPH)
    assert tuple(found) == structure.NAMES
    convolutions, all_ = 200 + 16 + 288, 200 + 8 + 16 + 288 + 16 + 256 + 4 + 12 + 3
    macs = 200 * 36 + 16 * 36 + 288 * 16 + 256 + 12
    memory = 16 * 16 + 8 * 36
    assert found == pytest.approx({
        'macs': np.log2(macs), 'model_size': np.log2(all_),
        'working_memory': np.log2(memory), 'layers': 2, 'pools': 1, 'strides': 1,
        'depthwise': 0, 'squeezed': 1 / 3, 'kernel': np.log2(3), 'first_kernel':
        np.log2(5), 'fewest_maps': 3, 'first_maps': 3, 'last_maps': 4, 'ends_global': 0,
        'ends_average': 1, 'ends_max': 0, 'inputs': 6, 'last_side': 1,
        # 5 pixels, 4 more of a window 2 apart, 2 more of a mean 2 apart.
        'field': np.log2((5 + 2 * 2 + 1 * 2) / 16), 'head': 1 - convolutions / all_,
        'grey': 1, 'downsample': 1, 'branches': 1})


def _with(last, *more):
    nodes = (*GRAPH.nodes[:2], last, *more)
    return structure.features(Graph((32, 32, 3), 1, False, (
        *nodes, Node('classifier', 'dense', (nodes[-1].name,), 3, relu=False))))


def test_how_the_last_maps_are_read():
    """The image is whole here: 32x32, maps of 14x14, then 12x12."""
    ends = ('ends_global', 'ends_average', 'ends_max')
    plain = Node('b', 'conv', ('b-reduce',), 16, 3, 3)
    found = _with(plain)
    assert [found[end] for end in ends] == [0, 0, 0] and found['inputs'] == (
        np.log2(16 * 144))
    assert found['grey'] == found['downsample'] == found['branches'] == 0
    found = _with(Node('b', 'conv', ('b-reduce',), 16, 3, 3, pool=2))
    assert [found[end] for end in ends] == [0, 0, 1] and found['last_side'] == (
        np.log2(6))
    mean = Node('pool', 'average_pool', ('b',), 16, WHOLE, WHOLE, relu=False)
    found = _with(plain, mean)
    assert [found[end] for end in ends] == [1, 0, 0] and found['last_side'] == 0
    # The mean reads 12 values, 2 apart, of 9 pixels each.
    assert found['field'] == pytest.approx(np.log2((9 + 11 * 2) / 32))


def test_separable_layers_are_depthwise_in_half():
    features = _with(Node('c', 'depthwise', ('b-reduce',), 2, 3, 3, relu=False),
                     Node('d', 'conv', ('c',), 8))
    assert features['depthwise'] == 1 / 4 and features['layers'] == 2


def test_many_at_once():
    found = structure.vectors([GRAPH, GRAPH])
    np.testing.assert_array_equal(found[1], list(structure.features(GRAPH).values()))
    assert structure.vectors([]).shape == (0, len(structure.NAMES))
