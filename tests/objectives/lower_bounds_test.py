"""Lower bounds: below every pruned network, by hand for small ones, used to refuse."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.export.code.buffers import plan_buffers
from sparse_jax.export.code.schedule import schedule
from sparse_jax.model.shrink import shrink
from sparse_jax.objectives import compact_costs
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.objectives.lower_bounds import (
    Least,
    cannot_fit,
    least,
    not_worth_training,
)
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.search import loop
from sparse_jax.settings.reading import ConfigError
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import Study
from tests import tiny_study, unit_reference

SHAPES = [(8, 8, 1), (11, 9, 3)]


def _kernel_shape(graph, node):
    shapes = graph.shapes()
    if node.op == 'dense':
        return node.channels, sum(int(np.prod(shapes[t])) for t in node.inputs)
    maps = () if node.op == 'depthwise' else (shapes[node.inputs[0]][0],)
    return (node.channels, *maps, node.kernel, node.kernel)


def _pruned(graph, rng, density):
    """(totals, int8 network) after random pruning; None if nothing is left.

    Of two classes one output unit is left, with the weights that either row keeps.
    """
    kept = {n.name: rng.random(_kernel_shape(graph, n)) < density
            for n in graph.weighted_nodes}
    alive, stay = unit_reference.living_units(graph, kept)
    living = {n.name: unit_reference.living_kernel(graph, n, kept[n.name], alive)
              for n in graph.weighted_nodes}
    if not living[graph.nodes[-1].name].any():
        return None
    counts, written = {name: mask.sum() for name, mask in living.items()}, dict(stay)
    last = graph.nodes[-1].name
    if graph.num_classes == 2:
        counts[last], written[last] = living[last].any(0).sum(), np.ones(1)
    totals = unit_reference.totals(
        unit_reference.layer_counts(graph, written, counts))
    folded = {n.name: {'kernel': living[n.name] * rng.normal(
        size=living[n.name].shape).astype(np.float32)}
              | ({'bias': np.zeros(n.channels)} if n.biased else {})
              for n in graph.weighted_nodes}
    net = shrink(graph, folded, stay, mean=0.0, std=1.0)
    assert list(compact_costs.costs(net)) == totals
    images = np.ones((1, *graph.input_shape))
    return totals, schedule(quantize(net, calibrate(net, images)))


@pytest.mark.parametrize('classes', (2, 4))
@pytest.mark.parametrize('shape', SHAPES)
def test_no_pruned_network_is_below_its_bounds(shape, classes):
    space, rng, checked = sparse_space(shape, classes), np.random.default_rng(1), 0
    rows = encoding.sample(jax.random.key(3), space, 120)
    for graph in encoding.graphs(space, rows):
        if graph_totals(graph).model_size > 60_000:
            continue
        bounds = least(graph)
        for density in (0.01, 0.05, 0.3):
            found = _pruned(graph, rng, density)
            if found is None:
                continue
            totals, net = found
            assert all(b <= v for b, v in zip(bounds, totals)), graph
            assert bounds.ram <= plan_buffers(net).arena, graph
            checked += 1
    assert checked > 60


@pytest.mark.parametrize('classes', (2, 4))
def test_without_pruning_the_counted_costs_are_exact(classes):
    space = sparse_space((11, 9, 3), classes)
    rng, checked = np.random.default_rng(0), 0
    for graph in encoding.graphs(space, encoding.sample(jax.random.key(4), space, 20)):
        if graph_totals(graph).model_size > 20_000:
            continue
        totals, net = _pruned(graph, rng, 1.1)
        bounds = least(graph, prunes=False)
        assert list(bounds[:5]) == totals and bounds.ram <= plan_buffers(net).arena
        assert all(a <= b for a, b in zip(least(graph), bounds))
        checked += 1
    assert checked > 5


def _graph(*nodes):
    return Graph((10, 8, 2), 2, False, nodes)


def test_a_chain_by_hand():
    graph = _graph(Node('a', 'conv', ('input',), 7, 2, 2, pool=2),
                   Node('classifier', 'dense', ('a',), 3, relu=False))
    # Image 2x5x4; one map of 4x3 before and 2x1 after the pool; 3 classes.
    assert least(graph) == Least(
        model_size=(1 + 1) + (1 + 3), working_memory=40 + 12,
        working_memory_weights=40 + 1, macs=12 + 1,
        working_memory_without_image=40 + 12, ram=40 + 2)
    # An image that the network reads as it comes is left out; the pool is a step.
    raw = dataclasses.replace(graph, downsample=1)
    assert least(raw).working_memory_without_image == 9 * 7 + 4 * 3
    assert least(raw, prunes=False).working_memory_without_image == 7 * (63 + 12)


def test_the_cheapest_branch_bounds_and_depthwise_works_in_place():
    graph = _graph(Node('a', 'conv', ('input',), 7, 4, 4),
                   Node('b', 'depthwise', ('input',), 2, 2, 2),
                   Node('classifier', 'dense', ('a', 'b'), 3, relu=False))
    # Through a: one map of 2x1. Through b: two maps of 4x3, in place of the image.
    assert least(graph).working_memory == 40 + 2
    assert least(graph).ram == min(40 + 2, max(40, 24 + 3))


def test_only_costs_with_a_bound_refuse():
    graph = _graph(Node('classifier', 'dense', ('input',), 3, relu=False))
    refuses = lambda *budgets: cannot_fit(
        graph, Objectives(budgets=budgets), prunes=True)
    assert not refuses(('ram', 43.0), ('working_memory', 43.0))
    assert refuses(('ram', 42.0)) and refuses(('working_memory', 42.0))
    assert not refuses(('flash', 1.0), ('latency', 0.001), ('instructions', 1.0))
    fives = Objectives(memory='working_memory_weights',
                       budgets=(('working_memory', 41.0),))
    assert not cannot_fit(graph, fives, prunes=True)


def test_limits_before_pruning():
    """40 inputs, 3 classes: 123 parameters, 120 products."""
    graph = _graph(Node('classifier', 'dense', ('input',), 3, relu=False))
    refuses = lambda weights, macs, *budgets: not_worth_training(
        graph, max_weights=weights, max_macs=macs, prunes=True,
        objectives=Objectives(budgets=budgets))
    assert not refuses(0, 0) and not refuses(123, 120)
    assert refuses(122, 0) and refuses(0, 119)
    assert refuses(0, 0, ('working_memory', 42.0))


def test_what_cannot_fit_is_not_trained():
    old = tiny_study.finished().setup.evaluator
    evaluator = dataclasses.replace(
        old, refuses=functools.partial(
            cannot_fit, objectives=Objectives(budgets=(('ram', 36.0),)), prunes=True))
    row = tiny_study.base_row(old.space)
    assert evaluator.refuse(row[None]).all() and not old.refuse(row[None]).any()
    (outcome,), = evaluator.evaluate([Trial(0, row, 1)])
    assert outcome.status == status.OVER_BUDGET and outcome.costs is None


def test_budgets_that_nothing_meets_are_one_line():
    with pytest.raises(ConfigError, match='budgets.ram 10: not allowed together'):
        tiny_study.build(budgets__ram=10)


def test_limits_that_nothing_is_within_are_one_line():
    with pytest.raises(ConfigError, match='config: limits.max_weights 1: not allowed'):
        tiny_study.build(limits__max_weights=1, limits__max_macs=0)


def test_refused_proposals_are_counted(tmp_path):
    free = tiny_study.finished().setup
    rows = free.domain.sample(jax.random.key(0), 200)
    middle = int(np.median([graph_totals(g).model_size for g in encoding.graphs(
        free.space, rows)]))
    built = tiny_study.build(limits__max_weights=middle, search__rounds=1)
    study = Study(tmp_path)
    loop.run(built, study)
    info = study.rounds()[0].info
    study.close()
    # A random pick looks at 16 siblings or one free draw of the domain at least.
    assert 0 < info['refused'] < info['considered'] and info['considered'] >= 16


def test_budgets_refuse_suggestions():
    built = tiny_study.build(budgets__working_memory=150)
    rows = built.domain.sample(jax.random.key(0), 64)
    expected = [least(g).working_memory > 150
                for g in encoding.graphs(built.space, rows)]
    np.testing.assert_array_equal(built.evaluator.refuse(rows), expected)
