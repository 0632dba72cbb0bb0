"""The rows that the paper does not have: residual blocks, strides, average pools."""

import jax
import numpy as np
import pytest

from sparse_jax.model.extents import overlap
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search.domain import sparse_domain
from sparse_jax.space import encoding, morphisms, network_file
from sparse_jax.space.restriction import restrict
from sparse_jax.space.sparse_space import sparse_space
from tests import sampled
from tests.recipes import trained_network

NEW = ('residual-block-1', 'stride-block-1', 'pool-type-block-1', 'residual-block-2',
       'stride-block-2', 'pool-type-block-2', 'input-downsampling-type')


@pytest.fixture(scope='module')
def space():
    return sparse_space((12, 11, 3), 4, rows='extended')


@pytest.fixture(scope='module')
def rows(space):
    return encoding.sample(jax.random.key(0), space, 400)


def test_the_default_space_is_the_paper_s_table(space):
    table = sparse_space((12, 11, 3), 4)
    assert table == sparse_space((12, 11, 3), 4, rows='table')
    assert tuple(d for d in space.dimensions if d.name not in NEW) == table.dimensions
    assert set(space.names) - set(table.names) == set(NEW)
    with pytest.raises(ValueError, match="rows 'all': allowed: table, extended"):
        sparse_space((12, 11, 3), 4, rows='all')


def test_neutral_rows_are_networks_of_the_table(space):
    table = sparse_space((12, 11, 3), 4)
    for row in encoding.sample(jax.random.key(1), table, 50):
        point = encoding.decode(table, row)
        wide = encoding.encode(space, point)
        assert encoding.graph(space, wide) == encoding.graph(table, row)


def test_blocks_end_in_adds_and_averages(space, rows):
    seen = set()
    for row, graph in zip(rows, encoding.graphs(space, rows)):
        point = encoding.decode(space, row)
        nodes = {node.name: node for node in graph.nodes}
        entering = 'input'
        for k in range(1, point['num-conv-blocks'] + 1):
            last = f'block-{k}-layer-{point[f"num-conv-layers-block-{k}"]}'
            assert nodes[last].relu
            end = last
            if point[f'residual-block-{k}']:
                end = f'block-{k}-add'
                assert nodes[end].inputs == (last, entering)
                channels = [graph.shapes()[name][0] for name in (last, entering)]
                assert nodes[end].channels == max(channels)
            kind = point[f'pool-type-block-{k}'] if point[f'pool-block-{k}'] else ''
            average = kind in ('average', 'global')
            assert (f'block-{k}-pool' in nodes) == average
            if kind == 'global':
                assert graph.shapes()[f'block-{k}-pool'][1:] == (1, 1)
            if average:
                assert nodes[f'block-{k}-pool'].inputs == (end,)
                assert nodes[end].pool == 1
                end = f'block-{k}-pool'
            else:
                assert nodes[end].pool == 1 + point[f'pool-block-{k}']
            seen.add((k, end.split('-')[2]))
            entering = end
    assert len(seen) == 6


def test_the_window_of_a_blocks_first_layer_has_the_stride(space, rows):
    seen = set()
    for row, graph in zip(rows, encoding.graphs(space, rows)):
        point = encoding.active_point(space, row)
        for node in graph.nodes:
            if node.stride == 1:
                continue
            block, layer = node.knob.split('-')[1::2]
            assert layer == '1' and node.stride == point[f'stride-block-{block}'] == 2
            kind = point[f'layer-type-{node.knob}']
            assert node.op == ('depthwise' if kind == 'SeparableConv2D' else 'conv')
            assert node.kernel == point[f'kernel-size-{node.knob}']
            seen.add((block, kind))
        assert sum(node.stride == 2 for node in graph.nodes) == sum(
            point.get(f'stride-block-{k}') == 2 for k in (1, 2))
    assert len(seen) == 6


def test_feasible_rows_are_those_of_feasible_graphs(space):
    drawn = np.random.default_rng(0).random((400, len(space.names)))
    drawn = encoding.snap(space, drawn)
    ours = encoding.feasible(space, drawn)
    np.testing.assert_array_equal(
        ours, [graph.feasible() for graph in encoding.graphs(space, drawn)])
    assert 50 < ours.sum() < 390


def test_draws_and_morphs_are_canonical_and_feasible(space, rows):
    np.testing.assert_array_equal(encoding.canonical(space, rows), rows)
    edited = morphisms.morph(jax.random.key(2), space, rows)
    for some in (rows, edited):
        assert all(graph.feasible() for graph in encoding.graphs(space, some))
    np.testing.assert_array_equal(encoding.canonical(space, edited), edited)
    columns = [space.index(name) for name in NEW]
    assert (edited != rows)[:, columns].any(axis=0).all()


def test_equal_reductions_have_equal_rows(space):
    """The maps that a layer reads after a residual block are the wider ones."""
    rows = encoding.sample(jax.random.key(3), space, 400)
    graphs = encoding.graphs(space, rows)
    again = encoding.graphs(space, encoding.canonical(space, rows))
    assert graphs == again
    reduced = [g for g in graphs if any(
        n.name == 'block-2-layer-1-reduce' and n.inputs == ('block-1-add',)
        for n in g.nodes)]
    assert len(reduced) > 3


def test_siblings_share_the_program(space, rows):
    domain = sparse_domain(space, sampled.RANGES)
    labels = domain.group(rows)
    assert len(set(labels)) > 50
    others = domain.resample(jax.random.key(4), rows[0], 3)
    assert len(others) and set(domain.group(others)) == {labels[0]}


def test_the_input_is_averaged_where_it_is_down_sampled(space, rows):
    seen = set()
    for row, graph in zip(rows, encoding.graphs(space, rows)):
        point = encoding.active_point(space, row)
        kind = point.get('input-downsampling-type', 'max')
        assert graph.downsample_type == kind and (kind == 'max' or graph.downsample > 1)
        assert ('input-downsampling-type' in point) == (graph.downsample > 1)
        seen.add(kind)
    assert seen == {'max', 'average'}


def test_an_averaged_input_is_another_program_of_equal_costs(space, rows):
    row = next(row for row, graph in zip(rows, encoding.graphs(space, rows))
               if graph.downsample_type == 'average')
    point = encoding.decode(space, row) | {'input-downsampling-type': 'max'}
    pair = np.stack([row, encoding.encode(space, point)])
    average, largest = encoding.graphs(space, pair)
    assert graph_totals(average) == graph_totals(largest)
    assert len(set(sparse_domain(space, sampled.RANGES).group(pair))) == 2
    assert overlap(average, largest) == 0 and overlap(average, average) == 1


@pytest.mark.parametrize('pool', ['max', 'average'])
def test_a_drawn_network_trains_shrinks_and_counts(space, pool):
    """With an add that everything passes, and pools of one type, the input's too."""
    rows = encoding.sample(jax.random.key(5), space, 2000)
    chosen = next(
        row for row, graph in zip(rows, encoding.graphs(space, rows))
        if {'block-1-add', 'block-2-add'} & graph.shapes().keys()
        and 'merge' not in graph.shapes() and graph.downsample > 1
        and {graph.downsample_type} == {pool, *(
            value for name, value in encoding.active_point(space, row).items()
            if name.startswith('pool-type'))}
        and max(node.channels for node in graph.nodes) < 80)
    net = trained_network.check(
        encoding.graph(space, chosen), encoding.decode(space, chosen))
    assert 'add' in {node.op for node in net.nodes}
    assert net.downsample_type == pool


def test_files_hold_the_rows_and_say_what_does_not_fit(space, rows):
    point = encoding.active_point(space, rows[0])
    again = network_file.check(space, point)
    same = encoding.active_point(space, encoding.encode(space, again))
    assert same.keys() == point.keys()
    assert all(value == point[name] or value == pytest.approx(point[name], rel=1e-12)
               for name, value in same.items())
    small = sparse_space((4, 4, 1), 2, rows='extended')
    base = encoding.decode(small, encoding.sample(jax.random.key(0), small, 1)[0])
    base |= {'downsample-input': False, 'num-conv-blocks': 1, 'residual-block-1': True,
             'num-conv-layers-block-1': 1, 'kernel-size-block-1-layer-1': 4,
             'pool-block-1': True, 'pool-type-block-1': 'average'}
    network_file.check(small, base)
    with pytest.raises(network_file.NetworkFileError, match=(
            'pool-block-1: true leaves nothing of the 1x1 feature map')):
        network_file.check(small, base | {'pool-type-block-1': 'max'})


def test_a_space_of_pools_that_leave_a_pixel_fits():
    tiny = sparse_space((2, 2, 1), 2, rows='extended')
    pooled = restrict(tiny, 'pool-block-*=true, kernel-size-*=2')
    assert encoding.fits(pooled)
    assert not encoding.fits(restrict(pooled, 'pool-type-*=max'))
    kinds = {encoding.decode(pooled, row)['pool-type-block-1']
             for row in encoding.sample(jax.random.key(0), pooled, 20)}
    assert kinds == {'average', 'global'}
