"""Children of a trained parent compute what the parent computed, where shapes allow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import network, weights
from sparse_jax.model.extents import overlap
from sparse_jax.model.skeleton import EXACT, split
from sparse_jax.space import architecture, encoding
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


def _logits(point, variables, images, policy):
    graph = architecture.resolve(point, SHAPE, CLASSES)
    skeleton, candidate = split(graph, point, policy)
    x = jnp.moveaxis(network.prepare_images(skeleton, images), 0, -1)
    return network.SparseNet(skeleton).apply(variables, candidate, x)


def _trained(point, seed):
    """(graph, its exact variables with random biases and moments)."""
    graph = architecture.resolve(point, SHAPE, CLASSES)
    skeleton, candidate = split(graph, point, EXACT)
    variables = jax.device_get(network.init(jax.random.key(seed), skeleton, candidate))
    rng = np.random.default_rng(seed)
    drawn = {'bias': (-0.5, 0.5), 'shift': (-0.5, 0.5), 'mean': (-0.5, 0.5),
             'scale': (0.5, 2.0), 'var': (0.5, 2.0)}
    return graph, {kind: {node: {
        name: rng.uniform(*drawn[name], leaf.shape).astype(np.float32)
        if name in drawn else leaf for name, leaf in leaves.items()}
        for node, leaves in tree.items()} for kind, tree in variables.items()}


def _child(parent_point, change, *, edit=lambda graph, variables: None, follow=True):
    """Greatest difference between the logits of a parent and of its fresh child, as a
    share of the greatest logit."""
    images = np.random.default_rng(1).normal(size=(6, *SHAPE)).astype(np.float32)
    graph, theirs = _trained(parent_point, 0)
    edit(graph, theirs)
    expected = np.asarray(_logits(parent_point, theirs, images, EXACT))
    row = encoding.snap(SPACE, encoding.encode(SPACE, parent_point | change)[None])[0]
    row = encoding.keep_units(SPACE, row[None], [graph])[0] if follow else row
    point = encoding.decode(SPACE, row)
    child = architecture.resolve(point, SHAPE, CLASSES)
    skeleton, candidate = split(child, point, sampled.RANGES)
    fresh = network.init(jax.random.key(1), skeleton, candidate)
    variables = {}
    for kind, tree in fresh.items():
        values, mask = weights.embed(
            skeleton, child, graph, theirs[kind], tree, preserve=kind == 'params')
        variables[kind] = jax.tree.map(jnp.where, mask, values, tree)
    found = np.asarray(_logits(point, variables, images, sampled.RANGES))
    return np.abs(found - expected).max() / np.abs(expected).max()


def _layer(tag, kind='Conv2D', kernel=2, filters=5):
    return {f'layer-type-{tag}': kind, f'kernel-size-{tag}': kernel,
            f'num-filters-{tag}': filters}


FC = {'num-fc-layers': 1, 'total-fc-layer-weights': 1000}
CONCATENATED = FC | {'left-branch': True, 'merge-type': 'Concatenate',
                     'weight-fraction-main-branch': 0.5,
                     'weight-fraction-left-branch': 0.25}
PARENTS = {
    'plain': {},
    'batch norm': {'batch-norm': True},
    'separable': {'layer-type-block-1-layer-1': 'SeparableConv2D'},
    'fc': FC,
    'two fc': CONCATENATED | {'num-conv-blocks': 2, 'pool-block-2': False,
                              'num-conv-layers-block-2': 1,
                              **_layer('block-2-layer-1')},
    'sum': FC | {'left-branch': True, 'merge-type': 'Sum',
                 'weight-fraction-main-branch': 0.5,
                 'weight-fraction-left-branch': 0.5},
}
# 7x7 -> conv3 -> 5x5 -> pool -> 2x2. A second 2x2 layer leaves 4x4 -> 2x2 too, and so
# does a kernel of 4.
GROWTH = {
    'wider': {'num-filters-block-1-layer-1': 9},
    'larger kernel': {'kernel-size-block-1-layer-1': 4},
    'deeper': {'num-conv-layers-block-1': 2, **_layer('block-1-layer-2')},
    'deeper separable': {'num-conv-layers-block-1': 2,
                         **_layer('block-1-layer-2', 'SeparableConv2D', filters=7)},
    'alpha': {'alpha': 0.5},
}


@pytest.mark.parametrize('growth', GROWTH)
@pytest.mark.parametrize('parent', PARENTS)
def test_growing_keeps_the_function(parent, growth):
    assert _child(BASE | PARENTS[parent], GROWTH[growth]) < 1e-5


@pytest.mark.parametrize('change', [
    {'left-branch': True, 'merge-type': 'Concatenate'},
    {'right-branch': True, 'merge-type': 'Concatenate'},
], ids=['left branch', 'right branch'])
def test_a_concatenated_branch_keeps_the_function(change):
    assert _child(BASE, change) < 1e-5


def _ignore_border(graph, variables):
    """Let the classifier not read what the VALID window of another layer removes."""
    leaf = variables['params'][architecture.CLASSIFIER]
    pixels = leaf['kernel'].reshape(CLASSES, *graph.shapes()['block-1-layer-1']).copy()
    pixels[:, :, -1] = pixels[:, :, :, -1] = 0.0
    leaf['kernel'] = pixels.reshape(leaf['kernel'].shape)


def test_an_added_block_keeps_the_function():
    parent = BASE | {'pool-block-1': False}
    block = {'num-conv-blocks': 2, 'num-conv-layers-block-2': 1, 'pool-block-2': False}
    change = block | _layer('block-2-layer-1')
    assert _child(parent, change, edit=_ignore_border) < 1e-5
    assert _child(parent, change) > 1e-3


def test_more_weights_for_the_fc_layer_keep_the_function():
    assert _child(BASE | FC, {'total-fc-layer-weights': 2000}, follow=False) < 1e-5


def test_shrinking_does_not_keep_it():
    assert _child(BASE, {'num-filters-block-1-layer-1': 2}) > 1e-3


def test_overlap_counts_shared_weights():
    graph = architecture.resolve(BASE, SHAPE, CLASSES)
    wider = architecture.resolve(
        BASE | {'num-filters-block-1-layer-1': 10}, SHAPE, CLASSES)
    # conv 9 weights a filter, classifier 2x2 pixels a filter for 4 classes.
    assert overlap(graph, graph) == 1.0
    assert overlap(wider, graph) == (5 * 9 + 20 * 4) / (10 * 9 + 40 * 4)
    assert overlap(graph, wider) == 1.0
    halved = architecture.resolve(BASE | {'downsample-input': True,
                                          'input-downsampling-rate': 2,
                                          'kernel-size-block-1-layer-1': 2},
                                  SHAPE, CLASSES)
    assert overlap(halved, graph) == 0.0
