"""Children of a trained parent compute what the parent computed, where shapes allow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import network, weights
from sparse_jax.model.skeleton import split
from sparse_jax.space import architecture
from sparse_jax.space.sparse_space import sparse_space
from tests import sampled

SHAPE, CLASSES = (7, 7, 1), 4
SPACE = sparse_space(SHAPE, CLASSES)
BASE = {d.name: d.neutral_value() for d in SPACE.dimensions} | {
    'downsample-input': False, 'batch-norm': False, 'num-conv-blocks': 1,
    'num-fc-layers': 0, 'left-branch': False, 'right-branch': False,
    'num-conv-layers-block-1': 1, 'pool-block-1': True,
    'layer-type-block-1-layer-1': 'Conv2D', 'kernel-size-block-1-layer-1': 3,
    'num-filters-block-1-layer-1': 5}


def _logits(point, params, images):
    graph = architecture.resolve(point, SHAPE, CLASSES)
    skeleton, candidate = split(graph, point, sampled.RANGES)
    x = jnp.moveaxis(network.prepare_images(skeleton, images), 0, -1)
    return network.SparseNet(skeleton).apply({'params': params}, candidate, x)


def _trained(point, seed):
    """(graph, exact params with random biases, logits on fixed images)."""
    graph = architecture.resolve(point, SHAPE, CLASSES)
    skeleton, candidate = split(graph, point, sampled.RANGES)
    params = network.init(jax.random.key(seed), skeleton, candidate)['params']
    rng = np.random.default_rng(seed)
    for leaf in params.values():
        if 'bias' in leaf:
            leaf['bias'] = rng.normal(0.0, 0.3, leaf['bias'].shape)
    params = jax.tree.map(lambda a: np.asarray(a, np.float32), params)
    exact = weights.extract(skeleton, graph, params)
    return graph, exact, params


def _child(parent_point, change, seed=0):
    """Greatest difference between the logits of a parent and of its fresh child."""
    images = np.random.default_rng(1).normal(size=(6, *SHAPE)).astype(np.float32)
    graph, exact, padded_parent = _trained(parent_point, seed)
    expected = _logits(parent_point, padded_parent, images)
    point = parent_point | change
    child = architecture.resolve(point, SHAPE, CLASSES)
    skeleton, candidate = split(child, point, sampled.RANGES)
    fresh = network.init(jax.random.key(seed + 1), skeleton, candidate)['params']
    values, mask = weights.embed(skeleton, child, graph, exact, fresh, preserve=True)
    params = jax.tree.map(jnp.where, mask, values, fresh)
    return np.abs(np.asarray(_logits(point, params, images) - expected)).max()


@pytest.mark.parametrize('change', [
    {'num-filters-block-1-layer-1': 9},
    {'num-conv-layers-block-1': 2, 'layer-type-block-1-layer-2': 'Conv2D',
     'kernel-size-block-1-layer-2': 2, 'num-filters-block-1-layer-2': 5},
    {'num-conv-layers-block-1': 2, 'layer-type-block-1-layer-2': 'SeparableConv2D',
     'kernel-size-block-1-layer-2': 2, 'num-filters-block-1-layer-2': 7},
    {'left-branch': True, 'merge-type': 'Concatenate'},
    {'alpha': 0.5},
], ids=['wider', 'deeper', 'deeper separable', 'branch', 'pruning only'])
def test_growing_keeps_the_function(change):
    # 7x7 -> conv3 -> 5x5 -> pool -> 2x2; a second 2x2 layer leaves 4x4 -> 2x2 too.
    assert _child(BASE, change) < 1e-5


def test_growing_a_kernel_keeps_the_function():
    # 3x3 leaves 5x5 and 4x4 leaves 4x4: both pool to the same 2x2.
    assert _child(BASE, {'kernel-size-block-1-layer-1': 4}) < 1e-5


def test_shrinking_does_not_keep_it():
    assert _child(BASE, {'num-filters-block-1-layer-1': 2}) > 1e-3


def test_overlap_counts_shared_weights():
    graph = architecture.resolve(BASE, SHAPE, CLASSES)
    wider = architecture.resolve(
        BASE | {'num-filters-block-1-layer-1': 10}, SHAPE, CLASSES)
    # conv 9 weights a filter, classifier 2x2 pixels a filter for 4 classes.
    assert weights.overlap(graph, graph) == 1.0
    assert weights.overlap(wider, graph) == (5 * 9 + 20 * 4) / (10 * 9 + 40 * 4)
    assert weights.overlap(graph, wider) == 1.0
    halved = architecture.resolve(BASE | {'downsample-input': True,
                                          'input-downsampling-rate': 2,
                                          'kernel-size-block-1-layer-1': 2},
                                  SHAPE, CLASSES)
    assert weights.overlap(halved, graph) == 0.0
