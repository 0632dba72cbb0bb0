"""Training steps of random points and their morphs, as compiled programs.

`fuzz_test` builds, cuts, shrinks and counts the same points without a compiler.
Nearly all of the time is compilation: XLA_FLAGS=--xla_cpu_use_fusion_emitters=false
takes a third off the slow tests.
"""

import itertools

import jax
import numpy as np
import pytest

from sparse_jax import counter_noise
from sparse_jax.model import (
    compact,
    deploy,
    network,
    shrink,
    sizes,
    skeleton,
    weights,
)
from sparse_jax.objectives import compact_costs, graph_costs, memory
from sparse_jax.objectives.lower_bounds import not_worth_training
from sparse_jax.pruning import METHODS
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.space import encoding
from sparse_jax.space.architecture import CLASSIFIER
from sparse_jax.training import (
    Procedure,
    TrainConfig,
    TrainData,
    initialise,
    prune,
    train,
    train_step,
)
from sparse_jax.training.step import Schedule
from tests import sampled
from tests.fuzz_points import SHAPES, points

POLICY = sampled.RANGES
CONFIG = TrainConfig(epochs=1, batch_size=8)
DEFAULT = Settings()


def _refused(graph):
    """Whether the default limits refuse a network; only for a limit it exceeds."""
    limits = DEFAULT.limits
    refused = not_worth_training(
        graph, objectives=reading.objectives(DEFAULT, graph.num_classes), prunes=True,
        max_weights=limits.max_weights, max_macs=limits.max_macs)
    costs = graph_costs.graph_totals(graph)
    assert refused == (costs.model_size > limits.max_weights
                       or costs.macs > limits.max_macs)
    return refused


def _by_skeleton(rows):
    """({skeleton: [(graph, candidate)]}, how many points are refused)."""
    groups, refused = {}, 0
    for space, row in rows:
        graph = encoding.graph(space, row)
        if _refused(graph):
            refused += 1
            continue
        padded, candidate = skeleton.split(graph, encoding.decode(space, row), POLICY)
        groups.setdefault(padded, []).append((graph, candidate))
    return groups, refused


def _data(rng, graph):
    images = rng.normal(size=(8, *graph.input_shape)).astype(np.float32)
    return TrainData(images, rng.integers(0, graph.num_classes, 8).astype(np.int32))


def _check_step(rng, padded, members, name):
    """One compiled step of every member: what exists learns, and nothing else."""
    procedure = Procedure(padded, METHODS[name](), CONFIG)
    data = _data(rng, padded.graph)
    images = jax.numpy.moveaxis(network.prepare_images(padded, data.images), 0, -1)

    def program(key, candidate):
        before = initialise(key, candidate, procedure=procedure)
        valid = sizes.valid_weights(padded, candidate)
        after, info = train_step(
            counter_noise.seeds(key), before, (images, data.labels), candidate, valid,
            procedure=procedure, schedule=Schedule(1, 1, data.num_images()))
        moved = jax.tree.map(lambda a, b: a - b, after.params, before.params)
        return info.loss, after.params, after.aux, moved, valid

    compiled = sampled.train_jit(program)
    for graph, candidate in members:
        loss, params, aux, moved, valid = jax.device_get(
            compiled(jax.random.key(int(rng.integers(1 << 30))), candidate))
        assert np.isfinite(loss)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves((params, aux)))
        for node, mask in valid.items():
            assert not moved[node]['kernel'][~mask['kernel']].any(), (graph, node)
        # The classifier's biases learn even where all its inputs happen to be 0. Narrow
        # networks may begin so sure that the probability of a class is exactly 0.
        learns = moved[CLASSIFIER]['bias'][:graph.num_classes] != 0
        assert learns.all() if loss < 10 else learns.any(), (graph, loss)


def _check_training(rng, padded, graph, candidate, name):
    """One compiled step and one compiled cut; the shrunk network is the masked one."""
    fixed = {'procedure': Procedure(padded, METHODS[name](), CONFIG)}
    data = _data(rng, graph)

    def program(key, candidate):
        state = initialise(key, candidate, **fixed)
        state, info = train(key, state, candidate, data, key, **fixed)
        # An untrained posterior has no redundant weights: the cut is far out.
        pruned, folded = prune(state, candidate, offset=-8.0, **fixed)
        x = jax.numpy.moveaxis(network.prepare_images(padded, data.images), 0, -1)
        logits = deploy.predict(padded, folded, candidate, x)
        layers = memory.layer_costs(padded, candidate, pruned)
        return info.loss, folded, pruned.units, logits.T, memory.total(layers)

    loss, folded, units, logits, total = jax.device_get(
        sampled.quick_jit(program)(jax.random.key(int(rng.integers(1 << 30))),
                                   candidate))
    assert np.isfinite(loss).all() and np.isfinite(logits).all()
    shapes = graph.shapes()
    units = {n: u[:shapes[n][0]] for n, u in units.items()}
    net = shrink.shrink(graph, weights.extract(padded, graph, folded), units,
                        mean=0.0, std=1.0)
    scale = np.abs(logits).max() + 1e-6
    np.testing.assert_allclose(
        compact.logits(net, data.images) / scale, logits / scale, atol=2e-5)
    if np.any(net.nodes[-1].weight):
        np.testing.assert_allclose(total, compact_costs.costs(net), rtol=1e-6)


def _steps(seed, count, stride=1):
    """Returns how many points were trained, how many refused, how many programs."""
    rng = np.random.default_rng(seed)
    rows = itertools.islice(points(seed, count), 0, None, stride)
    groups, refused = _by_skeleton(rows)
    for i, (padded, members) in enumerate(groups.items()):
        _check_step(rng, padded, members, list(METHODS)[i % len(METHODS)])
    return sum(map(len, groups.values())), refused, len(groups)


def test_points_and_morphs_train_a_step_or_are_refused():
    trained, refused, programs = _steps(0, 20, stride=2)
    assert trained + refused == 20 and refused > 0 and programs >= len(METHODS)


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(2, 12))
def test_five_thousand_points_and_their_morphs_train_a_step(seed):
    """A tenth of them: some 500 programs, up to half an hour of a core."""
    trained, refused, programs = _steps(seed, 500)
    assert trained + refused == 1000 and trained > 400 and programs > 300


@pytest.mark.slow
@pytest.mark.parametrize('name', METHODS)
def test_sampled_skeletons_train_and_shrink(name):
    """15 skeletons of every method, 3 of each image shape."""
    seed = list(METHODS).index(name)
    rng, done = np.random.default_rng(seed), {}
    for space, row in points(20 + seed, 60):
        graph = encoding.graph(space, row)
        padded, candidate = skeleton.split(
            graph, encoding.decode(space, row), POLICY)
        shape = graph.input_shape
        enough = sum(s == shape for s in done.values()) >= 3
        if padded in done or enough or sampled.num_weights(padded) > 300_000:
            continue
        done[padded] = shape
        _check_training(rng, padded, graph, candidate, name)
    assert len(done) == 15 and set(done.values()) == set(SHAPES)
