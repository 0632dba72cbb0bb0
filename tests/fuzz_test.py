"""Random points, their morphs and random cuts, from the table to the shrunk network.

The cuts are counted on the host: the code of the library runs with NumPy in place of
JAX, so that no point waits for a compiler. `fuzz_training_test` trains the points.
"""

import json
import sys
import types

import numpy as np
import pytest

from sparse_jax.model import connectivity, fold, shrink, sizes, skeleton, weights
from sparse_jax.objectives import compact_costs, graph_costs, memory
from sparse_jax.ops import size
from sparse_jax.space import encoding, network_file
from tests import sampled, unit_reference
from tests.fuzz_points import points, spaces

POLICY = sampled.RANGES


@pytest.fixture
def on_host(monkeypatch):
    operations = [module for name, module in sys.modules.items()
                  if name.startswith('sparse_jax.ops.')]
    for module in (sizes, connectivity, memory, fold, *operations):
        if hasattr(module, 'jnp'):
            monkeypatch.setattr(module, 'jnp', np)
    divide = types.SimpleNamespace(div=lambda n, by: n // by)
    monkeypatch.setattr(size, 'jax', types.SimpleNamespace(lax=divide))


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
    for space, row in points(seed, count):
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
    every = spaces()
    for i in range(count):
        space = every[i % len(every)]
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
