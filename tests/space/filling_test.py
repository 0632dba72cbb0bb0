"""Structures that are as wide as a budget allows."""

import jax
import numpy as np
import pytest

from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.space import encoding, filling
from sparse_jax.space.architecture import branches
from sparse_jax.space.restriction import restrict
from sparse_jax.space.sparse_space import sparse_space

SHAPES = {'digits': ((8, 8, 1), 10), 'mnist': ((28, 28, 1), 10),
          'cifar': ((32, 32, 3), 2), 'chars': ((20, 20, 3), 62)}
COUNT = 24


def _fits(size, memory):
    def fits(graph):
        costs = graph_totals(graph)
        return costs.model_size <= size and costs.working_memory <= memory

    return fits


KILOBYTES = _fits(2048, 2048)


@pytest.fixture(scope='module', params=SHAPES)
def drawn(request):
    space = sparse_space(*SHAPES[request.param])
    return space, filling.sample(
        jax.random.key(3), space, COUNT, KILOBYTES, filling.DEMANDS[0])


def _wider(space, point):
    """Points with one width, or the weights of the branches, larger by a step."""
    names = [f'num-filters-block-{k}-layer-{l}'
             for k in range(1, point['num-conv-blocks'] + 1)
             for l in range(1, point[f'num-conv-layers-block-{k}'] + 1)]
    for name in names:
        yield point | {name: point[name] + 1}


def test_rows_are_canonical_distinct_and_within_the_budget(drawn):
    space, rows = drawn
    assert rows.shape == (COUNT, len(space.dimensions))
    np.testing.assert_allclose(encoding.canonical(space, rows), rows, atol=1e-12)
    assert encoding.feasible(space, rows).all()
    assert all(map(KILOBYTES, encoding.graphs(space, rows)))
    assert len(np.unique(rows.round(9), axis=0)) == COUNT


def test_nothing_is_thin_or_a_single_pixel(drawn):
    space, rows = drawn
    for graph in encoding.graphs(space, rows):
        for node in graph.nodes:
            if node.op == 'conv' and node.inputs != ('input',):
                assert node.channels >= 4
            if node.name.endswith('-fc'):
                assert node.channels >= min(4, space.num_classes)
            # Of what reads the image only a squeeze may have fewer.
            assert node.channels >= 4 or node.name.endswith('-reduce') or (
                node.op != 'conv')
        maps = [shape for shape in graph.shapes().values() if len(shape) == 3]
        assert min(min(shape[1:]) for shape in maps) >= 2
        assert 'right-fc' not in graph.shapes()


def test_no_width_can_grow_by_one(drawn):
    """Branches follow a budget in steps of 1000 weights, and what a layer squeezes
    follows its input: without either, it is exact."""
    space = restrict(drawn[0], 'num-fc-layers=0, left-branch=false, '
                               'layer-type-*=Conv2D|SeparableConv2D')
    rows = filling.sample(
        jax.random.key(3), space, 8, KILOBYTES, filling.DEMANDS[0])
    for point in encoding.decode_rows(space, rows):
        assert not branches(point)
        for wider in _wider(space, point):
            row = encoding.encode(space, wider)[None]
            assert not KILOBYTES(encoding.graph(space, row[0]))


def test_structures_are_many_and_widths_unlike(drawn):
    space, rows = drawn
    graphs = encoding.graphs(space, rows)
    structures = {tuple((n.op, n.kernel, n.pool) for n in g.nodes) for g in graphs}
    assert len(structures) > COUNT / 2
    widths = [n.channels for g in graphs for n in g.nodes if n.op == 'conv']
    assert min(widths) <= 6 and max(widths) >= 12


def test_blocks_and_pools_come_in_turns():
    """Of two kilobytes for colour images the prior lets one in a hundred of two blocks
    with two pools through."""
    space = sparse_space((32, 32, 3), 2)
    draw = lambda space, num: [
        (p['num-conv-blocks'], p['pool-block-1'], p['num-conv-blocks'] == 2 and (
            p['pool-block-2'])) for p in encoding.decode_rows(space, filling.sample(
                jax.random.key(0), space, num, KILOBYTES, filling.DEMANDS[0]))]
    shapes = [(1, False, False), (1, True, False), (2, False, False), (2, False, True),
              (2, True, False), (2, True, True)]
    found = draw(space, 24)
    assert sorted(found[:6]) == shapes and found[6:12] == found[:6]
    narrow = restrict(space, 'num-conv-blocks=2, pool-block-2=false')
    assert sorted(draw(narrow, 4)) == sorted(2 * [shapes[2], shapes[4]])


def test_strides_and_types_of_the_last_pool_come_in_turns():
    space = restrict(sparse_space((32, 32, 3), 2, rows='extended'), 'num-conv-blocks=1')
    points = encoding.decode_rows(space, filling.sample(
        jax.random.key(0), space, 16, KILOBYTES, filling.DEMANDS[0]))
    kinds = [(p['stride-block-1'], p['pool-block-1'] and p['pool-type-block-1'])
             for p in points]
    assert sorted(kinds[:8], key=str) == sorted((
        (stride, kind) for stride in (1, 2)
        for kind in (False, 'max', 'average', 'global')), key=str)
    assert kinds[8:] == kinds[:8]


def test_a_key_is_all_that_a_draw_depends_on():
    space = sparse_space((8, 8, 1), 10)
    draw = lambda seed: filling.sample(
        jax.random.key(seed), space, 5, KILOBYTES, filling.DEMANDS[0])
    np.testing.assert_array_equal(draw(0), draw(0))
    assert not np.array_equal(draw(0), draw(1))
    assert draw(0)[:0].shape == filling.sample(
        jax.random.key(0), space, 0, KILOBYTES, filling.DEMANDS[0]).shape


@pytest.mark.parametrize('size, memory, wanted', [
    (2048, 2048, filling.Demand(4, 2)), (60, 70, filling.Demand(2, 2)),
    (3, 3, None)])
def test_the_budget_forces_thin_layers_where_nothing_else_fits(size, memory, wanted):
    space = sparse_space((8, 8, 1), 2)
    assert filling.demand(space, _fits(size, memory)) == wanted


def test_weaker_demands_fill_the_rest():
    space, fits = sparse_space((8, 8, 1), 2), _fits(40, 70)
    assert filling.demand(space, fits) != filling.DEMANDS[0]
    rows = filling.sample(jax.random.key(0), space, 4, fits, filling.DEMANDS[0])
    assert all(map(fits, encoding.graphs(space, rows)))


def test_where_nothing_fits_draws_are_the_priors():
    space = sparse_space((8, 8, 1), 10)
    rows = filling.sample(
        jax.random.key(0), space, 2, lambda graph: False, filling.DEMANDS[-1])
    assert rows.shape == (2, len(space.dimensions))
    assert encoding.feasible(space, rows).all()


def test_restrictions_hold():
    """Among them one that asks for the branch which is left out otherwise."""
    space = restrict(sparse_space((28, 28, 1), 10), (
        'num-filters-*=2:7, right-branch=true, num-conv-blocks=1, merge-type=Sum'))
    rows = filling.sample(
        jax.random.key(0), space, 6, _fits(4096, 2048), filling.DEMANDS[0])
    for point in encoding.decode_rows(space, rows):
        assert point['right-branch'] and point['num-conv-blocks'] == 1
        assert 4 <= point['num-filters-block-1-layer-1'] <= 7
    for graph in encoding.graphs(space, rows):
        units = {n.channels for n in graph.nodes if n.name.endswith('-fc')}
        assert len(units) == 1
