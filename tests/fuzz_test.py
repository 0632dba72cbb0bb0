"""Random points, their morphs and random cuts, from the table to the shrunk network.

The cuts are counted on the host: the code of the library runs with NumPy in place of
JAX, so that no point waits for a compiler; some skeletons are trained and pruned as
compiled programs besides.
"""

import json

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
    skeleton,
    weights,
)
from sparse_jax.objectives import compact_costs, graph_costs, measure, memory
from sparse_jax.pruning import METHODS
from sparse_jax.space import encoding, morphisms, network_file
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.training import TrainConfig, TrainData, initialise, train
from tests import sampled, unit_reference

SHAPES = ((8, 8, 1), (28, 28, 1), (32, 32, 3), (11, 9, 3), (5, 6, 1))
POLICY = sampled.RANGES
CONFIG = TrainConfig(epochs=1, batch_size=8)


def _spaces():
    return [sparse_space(shape, 4 + i, prior=prior)
            for i, shape in enumerate(SHAPES)
            for prior in ('log-uniform', 'log-uniform', 'uniform')]


@pytest.fixture
def on_host(monkeypatch):
    for module in (sizes, connectivity, memory):
        monkeypatch.setattr(module, 'jnp', np)
    monkeypatch.setattr(sizes, '_halved', lambda n, pool: n // pool)


def _points(seed, count):
    """(space, row) of `count` draws from the priors and of a morph of each."""
    spaces = _spaces()
    for i, space in enumerate(spaces):
        number = (count + len(spaces) - 1 - i) // len(spaces)
        key = jax.random.fold_in(jax.random.key(seed), i)
        rows = encoding.sample(jax.random.fold_in(key, 0), space, number)
        children = morphisms.morph(jax.random.fold_in(key, 1), space, rows)
        both = np.concatenate([rows, children])
        assert (np.abs(rows - children) > 1e-9).any(axis=1).all()
        assert encoding.feasible(space, both).all()
        np.testing.assert_allclose(
            encoding.canonical(space, both), both, rtol=0, atol=1e-12)
        yield from ((space, row) for row in both)


def _check_encoding(space, row, graph):
    """Values, file and network of a row lead back to it."""
    point = encoding.decode(space, row)
    np.testing.assert_allclose(encoding.encode(space, point), row, atol=1e-9)
    again = network_file.check(space, json.loads(network_file.dumps(space, row)))
    assert encoding.graph(space, encoding.encode(space, again)) == graph
    return point


def _random_kept(rng, valid):
    """Drop weights, and sometimes whole outputs or inputs, of every layer."""
    kept = {}
    for name, leaf in valid.items():
        mask = leaf['kernel']
        mask = mask & (rng.random(mask.shape, np.float32)
                       < rng.choice([0.02, 0.1, 0.4, 1.0], p=[.15, .2, .35, .3]))
        for axis in (0, 1):
            share = rng.choice([0.2, 0.6, 1.0], p=[.1, .3, .6])
            lines = rng.random(mask.shape[axis]) < share
            mask &= lines.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
        kept[name] = mask
    return kept


def _exact(padded, graph, tree):
    cut = weights.extract(padded, graph, {n: {'kernel': v} for n, v in tree.items()})
    return {name: leaf['kernel'] for name, leaf in cut.items()}


def _check_cut(rng, padded, candidate, graph):
    """Masked, shrunk and slow figures of one random cut; whether anything is left."""
    kept = _random_kept(rng, sizes.valid_weights(padded, candidate))
    pruned = connectivity.live(padded, candidate, kept)
    masked = memory.layer_costs(padded, candidate, pruned)
    kept, kernels = _exact(padded, graph, kept), _exact(padded, graph, pruned.kernel)
    shapes = graph.shapes()
    units = {n: u[:shapes[n][0]] for n, u in pruned.units.items()}
    assert not any(u[shapes[n][0]:].any() for n, u in pruned.units.items())
    alive, stay = unit_reference.living_units(graph, kept)
    for name, mask in stay.items():
        np.testing.assert_array_equal(units[name], mask, err_msg=name)
    slow = {n.name: unit_reference.living_kernel(
        graph, n, kept[n.name], alive).sum() for n in graph.weighted_nodes}
    expected = unit_reference.layer_counts(graph, stay, slow)
    np.testing.assert_allclose(np.stack(masked), expected, rtol=1e-6)
    if not kernels[graph.nodes[-1].name].any():
        return False
    folded = {n.name: {'kernel': kernels[n.name].astype(np.float32)} | (
        {'bias': units[n.name].astype(np.float32)} if n.biased else {})
        for n in graph.weighted_nodes}
    net = shrink.shrink(graph, folded, units, mean=0.0, std=1.0)
    assert list(compact_costs.costs(net)) == unit_reference.totals(expected)
    return True


def _fuzz(seed, count):
    """Returns how many points were checked, how many cuts left a network, skeletons."""
    rng, checked, lively, groups = np.random.default_rng(seed), 0, 0, {}
    for space, row in _points(seed, count):
        graph = encoding.graph(space, row)
        point = _check_encoding(space, row, graph)
        padded, candidate = skeleton.split(graph, point, POLICY)
        whole = {n: leaf['kernel'].sum() for n, leaf in
                 sizes.valid_weights(padded, candidate).items()}
        everything = {n: np.ones(s[0], bool) for n, s in graph.shapes().items()}
        assert unit_reference.totals(unit_reference.layer_counts(
            graph, everything, whole)) == list(graph_costs.graph_totals(graph))
        lively += _check_cut(rng, padded, candidate, graph)
        checked += 1
        groups.setdefault(padded, (graph, candidate))
    return checked, lively, groups


def test_points_morphs_and_cuts(on_host):
    checked, lively, groups = _fuzz(0, 75)
    assert checked == 150 and lively > 75 and len(groups) > 75


def _refusals(seed, count):
    """Raw draws from the cube, feasible or not -> (built, reasons)."""
    rng, built, reasons = np.random.default_rng(seed), 0, []
    spaces = _spaces()
    for i in range(count):
        space = spaces[i % len(spaces)]
        row = encoding.snap(space, rng.random((1, len(space.dimensions))))[0]
        try:
            network_file.check(space, encoding.active_point(space, row))
            built += 1
        except network_file.NetworkFileError as error:
            graph = encoding.graph(space, row)
            assert not graph.feasible()
            with pytest.raises(ValueError, match='infeasible'):
                skeleton.split(graph, encoding.decode(space, row), POLICY)
            reasons.append(str(error))
    return built, reasons


def test_a_raw_draw_builds_or_is_refused_with_a_reason():
    built, reasons = _refusals(1, 300)
    assert built > 100 and len(reasons) > 50
    for reason in reasons:
        assert 'allowed: ' in reason and '\n' not in reason


def _check_training(rng, padded, graph, candidate, name):
    """One compiled step and one compiled cut; the shrunk network is the masked one."""
    method, fixed = METHODS[name](), {'skeleton': padded}
    images = rng.normal(size=(8, *graph.input_shape)).astype(np.float32)
    labels = rng.integers(0, graph.num_classes, 8).astype(np.int32)

    def program(key, candidate):
        data = TrainData(images, labels)
        state = initialise(key, candidate, method=method, config=CONFIG, **fixed)
        state, info = train(key, state, candidate, data, key, method=method,
                            config=CONFIG, **fixed)
        # An untrained posterior has no redundant weights: the cut is far out.
        pruned, folded = measure.prune(
            state, candidate, method=method, offset=-8.0, **fixed)
        x = jax.numpy.moveaxis(network.prepare_images(padded, images), 0, -1)
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
        compact.logits(net, images) / scale, logits / scale, atol=2e-5)
    if np.any(net.nodes[-1].weight):
        np.testing.assert_allclose(total, compact_costs.costs(net), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(2, 12))
def test_five_thousand_points_and_their_morphs(on_host, seed):
    """A tenth of them."""
    checked, lively, groups = _fuzz(seed, 500)
    assert checked == 1000 and lively > 500 and len(groups) > 500


@pytest.mark.slow
def test_ten_thousand_raw_draws_build_or_are_refused():
    built, reasons = _refusals(3, 10_000)
    assert built > 3000 and len(reasons) > 3000
    assert all('allowed: ' in reason and '\n' not in reason for reason in reasons)


@pytest.mark.slow
@pytest.mark.parametrize('name', METHODS)
def test_sampled_skeletons_train_and_shrink(name):
    """15 skeletons of every method, 3 of each image shape."""
    seed = list(METHODS).index(name)
    rng, done = np.random.default_rng(seed), {}
    for space, row in _points(20 + seed, 60):
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
