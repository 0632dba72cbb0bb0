"""The traced half of a point, read off the table by hand."""

import numpy as np

from sparse_jax.model.skeleton import EXACT, candidate_of, pad
from sparse_jax.space import architecture

POINT = {
    'downsample-input': False, 'downsample-input-in-depth': False, 'batch-norm': False,
    'num-conv-blocks': 2, 'num-fc-layers': 0, 'left-branch': False,
    'right-branch': False, 'num-conv-layers-block-1': 1, 'num-conv-layers-block-2': 1,
    'pool-block-1': False, 'pool-block-2': False,
    'layer-type-block-1-layer-1': 'Conv2D', 'kernel-size-block-1-layer-1': 3,
    'num-filters-block-1-layer-1': 4, 'pruning-threshold-block-1-layer-1': 0.25,
    'layer-type-block-2-layer-1': 'DownsampledConv2D',
    'downsample-block-2-layer-1': 0.5, 'kernel-size-block-2-layer-1': 2,
    'num-filters-block-2-layer-1': 5, 'pruning-threshold-block-2-layer-1': 0.5,
    'log-alpha-offset': -1.5, 'alpha': 0.3, 'pretraining': True,
    'zero-regularization-epochs': 7, 'annealing-epochs': 11, 'learning-rate': 0.02}


def test_both_halves_of_a_layer_have_its_threshold():
    graph = architecture.resolve(POINT, (8, 8, 1), 3)
    assert [n.name for n in graph.nodes] == [
        'block-1-layer-1', 'block-2-layer-1-reduce', 'block-2-layer-1', 'classifier']
    found = candidate_of(graph, POINT)
    expected = {
        'channels': [4, 2, 5, 3], 'kernel': [3, 1, 2, 1],
        'threshold': [0.25, 0.5, 0.5, 0.0], 'log_alpha_offset': -1.5, 'alpha': 0.3,
        'pretraining': 1.0, 'zero_regularization_epochs': 7, 'annealing_epochs': 11,
        'learning_rate': 0.02, 'kl_share': 0.0}
    assert set(expected) == set(found._fields)
    for name, value in expected.items():
        np.testing.assert_array_equal(
            getattr(found, name), np.array(value, getattr(found, name).dtype), name)
    assert pad(graph, EXACT).graph == graph
