"""Local edits stay in the space, change something, and reach every row."""

import jax
import numpy as np
import pytest

from sparse_jax.space import encoding, morphisms
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import sparse_space

SPACE = sparse_space((14, 14, 3), 10)


@pytest.fixture(scope='module')
def rows():
    return encoding.sample(jax.random.key(0), SPACE, 600)


@pytest.fixture(scope='module')
def children(rows):
    return morphisms.morph(jax.random.key(1), SPACE, rows)


def test_children_are_canonical_feasible_and_new(rows, children):
    assert children.shape == rows.shape
    assert encoding.feasible(SPACE, children).all()
    np.testing.assert_allclose(
        encoding.canonical(SPACE, children), children, atol=1e-12)
    assert (np.abs(children - rows).max(axis=1) > 1e-9).all()


def test_one_row_is_edited_and_the_rest_follows(rows, children):
    """Common active dimensions but one are kept, up to the redundant budget rows."""
    redundant = ('total-fc', 'weight-fraction', 'downsample-block')
    count = []
    for parent, child in zip(rows, children):
        both = encoding.activity(SPACE, np.stack([parent, child])).all(axis=0)
        changed = both & (np.abs(parent - child) > 1e-9)
        names = {n for n, c in zip(SPACE.names, changed) if c}
        count.append(len([n for n in names if not n.startswith(redundant)]))
    assert max(count) <= 1
    assert np.mean(count) > 0.6


def test_every_kind_of_row_is_edited(rows, children):
    edited = np.abs(rows - children).max(axis=0) > 1e-9
    missing = [n for n, e in zip(SPACE.names, edited) if not e]
    assert not missing


def test_fc_layers_keep_their_units_when_what_they_read_changes():
    """Or get the next more that the table's steps of the budget allow."""
    rows = encoding.sample(jax.random.key(5), SPACE, 400)
    children = morphisms.morph(jax.random.key(6), SPACE, rows)
    units = lambda graph: {n.name: n.channels for n in graph.nodes
                           if n.op == 'dense' and n.name.endswith('-fc')}
    elsewhere = [i for i, name in enumerate(SPACE.names) if name.startswith(
        ('num-filters', 'kernel-size', 'layer-type', 'num-conv', 'pool-'))]
    kept = []
    for parent, child in zip(rows, children):
        if (np.abs(parent - child)[elsewhere] < 1e-9).all():
            continue
        before, after = (units(encoding.graph(SPACE, row)) for row in (parent, child))
        if not before or before.keys() != after.keys():
            continue
        budget = encoding.decode(SPACE, child)['total-fc-layer-weights']
        assert budget == 800_000 or all(after[b] >= before[b] for b in before)
        kept.append(before == after)
    assert len(kept) > 100 and np.mean(kept) > 0.8


def test_only_pruning_keeps_the_network(rows):
    children = morphisms.morph(jax.random.key(2), SPACE, rows, only_pruning=True)
    changed = np.abs(rows - children) > 1e-9
    names = {n for n, c in zip(SPACE.names, changed.any(axis=0)) if c}
    assert names == {d.name for d in SPACE.dimensions if d.role is Role.PRUNING}
    assert changed.any(axis=1).all()
    for parent, child in zip(rows[:100], children[:100]):
        assert encoding.graph(SPACE, parent) == encoding.graph(SPACE, child)


def test_pruning_rows():
    wanted = {'zero-regularization-epochs', 'annealing-epochs', 'alpha', 'pretraining',
              'log-alpha-offset'} | {
        f'pruning-threshold-block-{k}-layer-{l}' for k in (1, 2) for l in (1, 2, 3)}
    assert {d.name for d in SPACE.dimensions if d.role is Role.PRUNING} == wanted


def test_edits_go_up_and_down_and_are_mostly_local():
    space = sparse_space((28, 28, 1), 10)
    rows = encoding.sample(jax.random.key(3), space, 1)
    rows = np.repeat(rows, 1500, axis=0)
    children = morphisms.morph(jax.random.key(4), space, rows)
    column = space.index('num-filters-block-1-layer-1')
    step = (children - rows)[:, column]
    step = step[np.abs(step) > 1e-9]
    assert 0.15 < (step > 0).mean() < 0.85
    assert np.median(np.abs(step)) < 0.2


def _base(**changes):
    """Coordinates of a small network, without branches and FC layers, in `SPACE`."""
    point = {d.name: d.neutral_value() for d in SPACE.dimensions} | {
        'downsample-input': False, 'num-conv-blocks': 1, 'num-fc-layers': 0,
        'left-branch': False, 'right-branch': False, 'num-conv-layers-block-1': 1,
        'kernel-size-block-1-layer-1': 3} | {
        name.replace('_', '-'): value for name, value in changes.items()}
    return encoding.canonical(SPACE, encoding.encode(SPACE, point)[None])


def test_dimensions_that_wake_up_are_drawn():
    """A second block has filters, kernels and types of all sorts."""
    children = morphisms.morph(
        jax.random.key(9), SPACE, np.repeat(_base(), 1500, axis=0))
    deeper = children[children[:, SPACE.index('num-conv-blocks')]
                      != _base()[0, SPACE.index('num-conv-blocks')]]
    assert len(deeper) > 20
    points = [encoding.decode(SPACE, row) for row in deeper]
    different = lambda name: len({p[f'{name}-block-2-layer-1'] for p in points})
    assert different('num-filters') > 10
    assert different('kernel-size') > 2 and different('layer-type') == 3


@pytest.mark.parametrize('name, value', [
    ('num-filters-block-1-layer-1', 10), ('kernel-size-block-1-layer-1', 3)])
def test_a_size_in_mid_range_goes_both_ways(name, value):
    rows = np.repeat(_base(**{name.replace('-', '_'): value}), 2000, axis=0)
    children = morphisms.morph(jax.random.key(10), SPACE, rows)
    step = (children - rows)[:, SPACE.index(name)]
    step = step[np.abs(step) > 1e-9]
    assert len(step) > 40 and 0.3 < (step > 0).mean() < 0.7


def test_the_key_decides(rows):
    again = [morphisms.morph(jax.random.key(i), SPACE, rows[:50]) for i in (5, 5, 6)]
    np.testing.assert_array_equal(again[0], again[1])
    assert (np.abs(again[0] - again[2]).max(axis=1) > 1e-9).mean() > 0.8


def test_a_point_without_feasible_neighbours_is_replaced_by_a_draw():
    """Infeasible edits are drawn again; the result is always in the space."""
    tiny = sparse_space((2, 2, 1), 2)
    rows = encoding.sample(jax.random.key(7), tiny, 50)
    children = morphisms.morph(jax.random.key(8), tiny, rows)
    assert encoding.feasible(tiny, children).all()
    assert (np.abs(children - rows).max(axis=1) > 1e-9).all()
