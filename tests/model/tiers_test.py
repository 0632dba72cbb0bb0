"""The padding tier changes neither initial weights, nor noise, nor training."""

import functools

import jax
import numpy as np
import pytest

from sparse_jax.model import sizes, weights
from sparse_jax.model.network import SparseNet
from sparse_jax.model.skeleton import EXACT, TierPolicy, pad, split
from sparse_jax.pruning import METHODS
from sparse_jax.space import architecture, network_file
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.train import initialise, train
from tests import sampled

TIGHT = TierPolicy(widths=(3, 5, 7, 12), units=(8, 40), kernels=((2, 2), (3, 3)))
LOOSE = TierPolicy(widths=(16,), units=(64,), kernels=((2, 5),))
SPACE = sparse_space((8, 8, 2), 4)
CONFIG = TrainConfig(epochs=3, batch_size=8)


def _layer(block, layer, kind, kernel, filters, **more):
    tag = f'block-{block}-layer-{layer}'
    return {f'layer-type-{tag}': kind, f'kernel-size-{tag}': kernel,
            f'num-filters-{tag}': filters,
            **{f'{name}-{tag}': value for name, value in more.items()}}


COMMON = {
    'downsample-input-in-depth': False, 'downsample-input': False,
    'zero-regularization-epochs': 20, 'annealing-epochs': 20, 'alpha': 0.5,
    'pretraining': False, 'learning-rate': 0.01, 'total-fc-layer-weights': 2000,
    'weight-fraction-main-branch': 0.3, 'weight-fraction-left-branch': 0.3,
    'weight-fraction-right-branch': 0.4, 'left-branch': True, 'right-branch': True,
}
POINTS = {
    'norm-concatenate': COMMON | {
        'batch-norm': True, 'num-conv-blocks': 2, 'num-fc-layers': 1,
        'merge-type': 'Concatenate', 'num-conv-layers-block-1': 2,
        'pool-block-1': True, 'num-conv-layers-block-2': 1, 'pool-block-2': False,
        **_layer(1, 1, 'Conv2D', 2, 7),
        **_layer(1, 2, 'DownsampledConv2D', 2, 5, downsample=0.4),
        **_layer(2, 1, 'SeparableConv2D', 3, 3)},
    'sum': COMMON | {
        'batch-norm': False, 'num-conv-blocks': 1, 'num-fc-layers': 1,
        'merge-type': 'Sum', 'num-conv-layers-block-1': 1, 'pool-block-1': True,
        **_layer(1, 1, 'SeparableConv2D', 3, 12)},
    'small-norm': COMMON | {
        'batch-norm': True, 'num-conv-blocks': 1, 'num-fc-layers': 0,
        'left-branch': False, 'right-branch': False,
        'num-conv-layers-block-1': 1, 'pool-block-1': True,
        **_layer(1, 1, 'DownsampledConv2D', 3, 7, downsample=0.5)},
    'small-concatenate': COMMON | {
        'batch-norm': False, 'num-conv-blocks': 1, 'num-fc-layers': 0,
        'left-branch': False, 'merge-type': 'Concatenate',
        'num-conv-layers-block-1': 1, 'pool-block-1': True,
        **_layer(1, 1, 'Conv2D', 2, 5)},
}
RUNS = [('norm-concatenate', 'sparse_vd'), ('sum', 'bayes_compress')]
TRAINED = [('small-norm', 'sparse_vd'), ('small-concatenate', 'bayes_compress'),
           ('small-norm', 'learned_group_threshold')]


class _Setup:
    """One point under one policy."""

    def __init__(self, name, policy, method):
        point = network_file.check(SPACE, POINTS[name])
        self.graph = architecture.resolve(point, SPACE.input_shape, SPACE.num_classes)
        self.skeleton, self.candidate = split(self.graph, point, policy)
        self.method = METHODS[method]()
        self.procedure = Procedure(self.skeleton, self.method, CONFIG)

    def initialise(self):
        return initialise(
            jax.random.key(1), self.candidate, procedure=self.procedure)

    def exact(self, tree):
        return weights.extract(self.skeleton, self.graph, jax.device_get(tree))


@functools.cache
def _started(name, policy, method):
    setup = _Setup(name, policy, method)
    return setup, sampled.quick_jit(setup.initialise)()


@pytest.mark.parametrize('name, method', RUNS)
def test_initial_weights_do_not_depend_on_the_tier(name, method):
    (tight, a), (loose, b) = (_started(name, p, method) for p in (TIGHT, LOOSE))
    assert tight.skeleton != loose.skeleton
    for ours, theirs in ((a.params, b.params), (a.aux, b.aux), (a.stats, b.stats)):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6),
                     tight.exact(ours), loose.exact(theirs))


def test_initial_weights_are_he_normal_and_zero_outside():
    space = sparse_space((12, 12, 1), 10)
    point = COMMON | POINTS['sum'] | {
        'left-branch': False, 'right-branch': False, 'total-fc-layer-weights': 40_000,
        **_layer(1, 1, 'Conv2D', 5, 60)}
    point = network_file.check(
        space, {n: v for n, v in point.items() if n in space})
    graph = architecture.resolve(point, (12, 12, 1), 10)
    skeleton, candidate = split(graph, point, TierPolicy((100,)))
    state = sampled.quick_jit(functools.partial(
        initialise, procedure=Procedure(skeleton, METHODS['none'](), CONFIG)))(
            jax.random.key(3), candidate)
    valid = sizes.valid_weights(skeleton, candidate)
    for name, fan_in in (('block-1-layer-1', 25), ('main-fc', 60 * 16)):
        kernel = np.asarray(state.params[name]['kernel'])
        mask = np.asarray(valid[name]['kernel'])
        assert (kernel[~mask] == 0).all() and (~mask).any()
        true = kernel[mask]
        assert len(np.unique(true)) > 0.99 * true.size
        assert abs(true.std() / np.sqrt(2 / fan_in) - 1) < 5 / np.sqrt(2 * true.size)
        assert abs(true.mean() / true.std()) < 5 / np.sqrt(true.size)


@pytest.mark.parametrize('name, method', RUNS)
def test_noise_does_not_depend_on_the_tier(name, method):
    x = np.random.default_rng(7).normal(size=(2, 8, 8, 6)).astype(np.float32)
    logits = []
    for policy in (TIGHT, LOOSE):
        setup, state = _started(name, policy, method)

        @sampled.quick_jit
        def apply(state, scale, setup=setup):
            # Large variances: the noise dominates the logits.
            aux = jax.tree.map(lambda leaf: leaf + 6.0, state.aux)
            variables = {'params': state.params,
                         'noise': setup.method.noise(state.params, aux)}
            if state.stats:
                variables['batch_stats'] = state.stats
            return SparseNet(setup.skeleton).apply(
                variables, setup.candidate, x, noise_scale=scale,
                seed=np.array([0, 8], np.uint32))

        logits.append([np.asarray(apply(state, scale)) for scale in (0.0, 1.0)])
    (quiet, noisy), others = logits
    assert np.abs(noisy - quiet).std() > 0.1 * np.abs(quiet).std()
    for ours, theirs in zip((quiet, noisy), others):
        np.testing.assert_allclose(
            ours, theirs, atol=3e-5 * np.abs(ours).max())


@pytest.mark.parametrize('name, method', TRAINED)
def test_training_does_not_depend_on_the_tier(name, method):
    rng = np.random.default_rng(0)
    labels = np.arange(16, dtype=np.int32) % 4
    images = rng.normal(size=(16, 8, 8, 2)).astype(np.float32) + labels[
        :, None, None, None] * 0.3
    results = []
    for policy in (TIGHT, LOOSE):
        setup, state = _started(name, policy, method)
        run = sampled.quick_jit(functools.partial(train, procedure=setup.procedure))
        after, info = run(jax.random.key(2), state, setup.candidate,
                          TrainData(images, labels), jax.random.key(5))
        results.append((setup.exact(after.params), setup.exact(after.aux),
                        setup.exact(after.stats), info))
        moved = jax.tree.map(lambda x, y: np.abs(x - y).max(),
                             setup.exact(after.params), setup.exact(state.params))
        assert min(jax.tree.leaves(moved)) > 1e-4
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=2e-4, rtol=1e-3), *results)


def test_padding_rounds_up_and_keeps_the_structure():
    point = network_file.check(SPACE, POINTS['norm-concatenate'])
    graph = architecture.resolve(point, SPACE.input_shape, SPACE.num_classes)
    wide = pad(graph, LOOSE).graph
    for exact, padded in zip(graph.nodes, wide.nodes):
        assert padded.channels >= exact.channels
        assert padded.kernel_low <= exact.kernel <= padded.kernel
        assert (exact.name, exact.op, exact.inputs, exact.pool, exact.relu) == (
            padded.name, padded.op, padded.inputs, padded.pool, padded.relu)
    by_name = {n.name: n for n in wide.nodes}
    # 1x1 kernels, the classes and the channels of the image are never padded.
    assert by_name['block-1-layer-2-reduce'].kernel == 1
    assert by_name['classifier'].channels == 4
    assert by_name['block-2-layer-1-depthwise'].channels == 16


def test_tiers_round_up():
    policy = TierPolicy(widths=(4, 8), units=(16, 64), kernels=((2, 3), (5, 5)))
    assert [policy.width(n) for n in (1, 4, 5, 8, 9, 17)] == [4, 4, 8, 8, 16, 32]
    assert [policy.unit(n) for n in (16, 17, 64, 65, 129)] == [16, 64, 64, 128, 256]
    assert [policy.kernel(k) for k in (1, 2, 3, 4, 5)] == [
        (1, 1), (2, 3), (2, 3), (4, 4), (5, 5)]


def test_exact_tiers_pad_nothing():
    point = network_file.check(SPACE, POINTS['norm-concatenate'])
    graph = architecture.resolve(point, SPACE.input_shape, SPACE.num_classes)
    assert pad(graph, EXACT).graph == graph


def test_an_infeasible_graph_is_refused():
    point = network_file.check(SPACE, POINTS['norm-concatenate'])
    graph = architecture.resolve(point, (3, 3, 2), 4)
    with pytest.raises(ValueError, match='infeasible'):
        split(graph, point, LOOSE)
