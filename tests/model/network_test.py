"""Padded, masked, batched networks against plain ones of exactly their shapes."""

import collections

import jax
import numpy as np
import pytest

from sparse_jax.model import network, weights
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.space.sparse_space import sparse_space
from tests import plain_network, sampled

WIDE = TierPolicy(widths=(8, 32, 100), kernels=((2, 5),))
MIXED = TierPolicy(widths=(16, 100), kernels=((2, 3), (4, 5)))

CASES = [
    # image, prior, policy, lowering
    ((8, 8, 1), 'log-uniform', WIDE, 'patches'),
    ((12, 12, 3), 'log-uniform', WIDE, 'patches'),
    ((9, 14, 2), 'log-uniform', MIXED, 'native'),
    ((12, 12, 3), 'uniform', MIXED, 'patches'),
]
SKELETONS, MEMBERS, CLASSES = 4, 13, 5


@pytest.fixture(scope='module')
def cases():
    """Groups of all `CASES`, 208 points."""
    found = []
    for seed, (shape, prior, policy, how) in enumerate(CASES):
        space = sparse_space(shape, CLASSES, prior=prior)
        limit = 2_000_000 if prior == 'uniform' else 200_000
        found += [(group, how) for group in sampled.groups(
            space, policy, skeletons=SKELETONS, members=MEMBERS, seed=seed,
            max_weights=limit)]
    return found


def test_the_sample_covers_the_table(cases):
    counts = collections.Counter()
    for group, _ in cases:
        for point in group.points:
            on = {n: v for n, v in point.items() if n in (
                'downsample-input', 'downsample-input-in-depth', 'batch-norm',
                'num-conv-blocks', 'num-fc-layers', 'left-branch', 'right-branch')}
            counts.update(on.items())
            if point['left-branch'] or point['right-branch']:
                counts[point['merge-type']] += 1
            for k in range(1, point['num-conv-blocks'] + 1):
                counts['pool', point[f'pool-block-{k}']] += 1
                for l in range(1, point[f'num-conv-layers-block-{k}'] + 1):
                    tag = plain_network.layer_tag(k, l)
                    counts[point[f'layer-type-{tag}']] += 1
                    counts['kernel', point[f'kernel-size-{tag}']] += 1
                    counts['layer', l] += 1
    wanted = [(n, v) for n in ('downsample-input', 'batch-norm', 'left-branch',
                               'right-branch', 'pool') for v in (False, True)]
    wanted += [('num-conv-blocks', 1), ('num-conv-blocks', 2), ('num-fc-layers', 0),
               ('num-fc-layers', 1), ('downsample-input-in-depth', True), 'Sum',
               'Concatenate', 'Conv2D', 'DownsampledConv2D', 'SeparableConv2D',
               ('layer', 3), *(('kernel', k) for k in (2, 3, 4, 5))]
    missing = [w for w in wanted if counts[w] < 5]
    assert not missing, missing
    assert sum(len(group.points) for group, _ in cases) >= 200


def test_padded_networks_equal_plain_networks(cases):
    rng = np.random.default_rng(0)
    for group, how in cases:
        images = rng.normal(size=(3, *group.space.input_shape)).astype(np.float32)
        variables = sampled.random_variables(rng, group)
        x = jax.numpy.moveaxis(network.prepare_images(group.skeleton, images), 0, -1)
        net = network.SparseNet(group.skeleton, how)
        apply = sampled.quick_jit(
            jax.vmap(lambda v, c, net=net, x=x: net.apply(v, c, x)))
        ours = np.asarray(apply(variables, group.candidates))
        for i, (point, graph) in enumerate(zip(group.points, group.graphs)):
            trees = [weights.extract(group.skeleton, graph, jax.tree.map(
                lambda leaf, i=i: leaf[i], variables.get(name, {})))
                for name in ('params', 'batch_stats')]
            plain = plain_network.logits(point, CLASSES, *trees, images)
            scale = np.abs(plain).max()
            assert scale > 1e-3
            np.testing.assert_allclose(
                ours[i].T / scale, plain / scale, atol=2e-5, err_msg=str(point))


def test_down_sampling_is_a_maximum_over_channels_then_windows(cases):
    rng = np.random.default_rng(1)
    for group, _ in cases:
        images = rng.normal(size=(2, *group.space.input_shape)).astype(np.float32)
        ours = network.prepare_images(group.skeleton, images)
        np.testing.assert_array_equal(
            ours, plain_network.down_sample(group.points[0], images).astype(np.float32))
