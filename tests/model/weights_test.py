"""Weights cut to their true sizes and laid into another network's arrays."""

import jax
import numpy as np
import pytest

from sparse_jax.model import sizes, weights
from sparse_jax.model.skeleton import TierPolicy, pad
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.space.sparse_space import sparse_space
from tests import sampled

LOOSE = TierPolicy(widths=(16, 100), units=(64,), kernels=((2, 5),))


def _conv(name, source, filters, kernel, pool=1, norm=False):
    return Node(name, 'conv', (source,), filters, kernel, kernel, pool=pool,
                batch_norm=norm)


def _graph(filters=4, kernel=3, units=6, classes=3, extra=(), norm=False, size=8):
    """conv, pool -> main-fc and the image -> right-fc, concatenated."""
    last = ('main-fc', 'right-fc')
    return Graph((size, size, 1), 1, False, (
        _conv('conv', 'input', filters, kernel, 2, norm),
        Node('main-fc', 'dense', ('conv',), units), *extra,
        Node('right-fc', 'dense', ('input',), 5),
        Node('classifier', 'dense', last, classes, relu=False)))


def _padded(graph, policy=LOOSE, more=()):
    """Abstract padded tree as the library's networks have it, and what is `more`."""
    skeleton = pad(graph, policy)
    shapes = jax.eval_shape(
        lambda c: sizes.valid_weights(skeleton, c), sampled.unpadded(graph)[1])
    tree = {name: {v: jax.ShapeDtypeStruct(leaf.shape, np.float32)
                   for v, leaf in leaves.items()} for name, leaves in shapes.items()}
    for name, variable, shape in more:
        tree.setdefault(name, {})[variable] = jax.ShapeDtypeStruct(shape, np.float32)
    return skeleton, tree


def _numbered(rng, tree):
    return jax.tree.map(lambda s: rng.normal(size=s.shape).astype(np.float32), tree)


@pytest.mark.parametrize('shape, policy', [
    ((8, 8, 1), LOOSE), ((11, 9, 3), TierPolicy(kernels=((2, 3), (4, 5))))])
def test_extract_undoes_embed(shape, policy):
    """On sampled points, a network's weights survive their own padded arrays."""
    rng = np.random.default_rng(0)
    groups = sampled.groups(sparse_space(shape, 4), policy, skeletons=5, members=4,
                            seed=3, max_weights=50_000)
    for group in groups:
        variables = sampled.random_variables(rng, group)
        for i, graph in enumerate(group.graphs):
            padded = jax.tree.map(lambda v, i=i: v[i], variables)['params']
            exact = weights.extract(group.skeleton, graph, padded)
            values, mask = weights.embed(
                group.skeleton, graph, graph, exact, padded)
            widened = weights.widen(group.skeleton, graph, exact)
            jax.tree.map(np.testing.assert_array_equal, widened, values)
            again = weights.extract(group.skeleton, graph, values)
            jax.tree.map(np.testing.assert_array_equal, again, exact)
            inside = weights.extract(group.skeleton, graph, mask)
            assert all(leaf.all() for leaf in jax.tree.leaves(inside))
            # What is marked is exactly what the network has, and nothing else is set.
            valid = sizes.valid_weights(group.skeleton, group.candidate(i))
            for name, leaves in valid.items():
                for variable, leaf in leaves.items():
                    if variable in mask[name]:
                        np.testing.assert_array_equal(mask[name][variable], leaf)
            jax.tree.map(lambda v, m: np.testing.assert_array_equal(v[~m], 0),
                         values, mask)


def test_dense_inputs_are_cut_by_channel_row_and_column():
    """4 maps of 3x3 inside 16 maps of 3x3 (kernel tier 2-5: 7x7 -> 3x3 after pool)."""
    graph = _graph(kernel=3)
    skeleton, tree = _padded(graph, TierPolicy((16,), (64,), ((2, 5),)))
    wide = skeleton.graph.shapes()['conv']
    assert wide == (16, 3, 3) and graph.shapes()['conv'] == (4, 3, 3)
    index = np.arange(16 * 9, dtype=np.float32)
    padded = _numbered(np.random.default_rng(0), tree)
    padded['main-fc']['kernel'] = np.tile(index, (64, 1))
    exact = weights.extract(skeleton, graph, padded)
    np.testing.assert_array_equal(
        exact['main-fc']['kernel'], np.tile(index[:36], (6, 1)))
    # A kernel of 5 leaves 4x4 -> 2x2 true pixels in the corner of each 3x3 map.
    small = _graph(kernel=5)
    assert pad(small, TierPolicy((16,), (64,), ((2, 5),))) == skeleton
    exact = weights.extract(skeleton, small, padded)
    corner = [c * 9 + r * 3 + k for c in range(4) for r in (0, 1) for k in (0, 1)]
    np.testing.assert_array_equal(exact['main-fc']['kernel'][0], corner)
    assert exact['conv']['kernel'].shape == (4, 1, 5, 5)
    # The classifier reads 6 of 64 units, then the 5 of the other branch's 64.
    read = weights.extract(skeleton, small, padded | {'classifier': {
        'kernel': np.tile(np.arange(128, dtype=np.float32), (3, 1)),
        'bias': np.zeros(3, np.float32)}})['classifier']['kernel']
    np.testing.assert_array_equal(read[0], [*range(6), *range(64, 69)])


def _inherit(parent, child, more=()):
    rng = np.random.default_rng(1)
    own, tree = _padded(parent, more=[m[:3] for m in more])
    exact = weights.extract(own, parent, _numbered(rng, tree))
    skeleton, padded = _padded(child, more=[(*m[:2], m[3]) for m in more])
    values, mask = weights.embed(skeleton, child, parent, exact, padded)
    cut = lambda t: weights.extract(skeleton, child, t)
    return exact, cut(values), cut(mask)


def test_a_wider_child_inherits_the_overlap():
    theirs, ours, mask = _inherit(_graph(4, 3), _graph(6, 2, units=4))
    # Kernel 3 -> 2: the top-left window; 4 of 6 maps.
    np.testing.assert_array_equal(
        ours['conv']['kernel'][:4], theirs['conv']['kernel'][:, :, :2, :2])
    np.testing.assert_array_equal(ours['conv']['bias'][:4], theirs['conv']['bias'])
    assert mask['conv']['kernel'][:4].all() and not mask['conv']['kernel'][4:].any()
    assert mask['conv']['bias'].tolist() == [True] * 4 + [False] * 2
    # conv: 4x3x3 in both (6x6 and 7x7 before the pool); 4 of 6 units remain.
    block = ours['main-fc']['kernel'].reshape(4, 6, 3, 3)
    np.testing.assert_array_equal(
        block[:, :4], theirs['main-fc']['kernel'].reshape(6, 4, 3, 3)[:4])
    assert not mask['main-fc']['kernel'].reshape(4, 6, 9)[:, 4:].any()
    # The classifier's columns move with the branch they belong to.
    np.testing.assert_array_equal(
        ours['classifier']['kernel'][:, :4], theirs['classifier']['kernel'][:, :4])
    np.testing.assert_array_equal(
        ours['classifier']['kernel'][:, 4:], theirs['classifier']['kernel'][:, 6:])
    assert mask['classifier']['kernel'].all()


def test_dense_inputs_overlap_by_pixel():
    theirs, ours, mask = _inherit(_graph(2, 3, size=8), _graph(2, 3, size=10))
    # 3x3 pixels of the parent inside 4x4 of the child, the rest fresh.
    block = ours['main-fc']['kernel'].reshape(6, 2, 4, 4)
    np.testing.assert_array_equal(
        block[:, :, :3, :3], theirs['main-fc']['kernel'].reshape(6, 2, 3, 3))
    kept = mask['main-fc']['kernel'].reshape(6, 2, 4, 4)
    assert kept[:, :, :3, :3].all() and kept.sum() == 6 * 2 * 9
    assert (block[~kept] == 0).all()


def test_group_scales_go_with_inputs_and_norms_with_outputs():
    more = [('main-fc', 'group_mean', (16 * 9,), (16 * 9,)),
            ('conv', 'group_mean', (16,), (16,)),
            ('conv-norm', 'scale', (16,), (16,))]
    theirs, ours, mask = _inherit(
        _graph(4, 3, norm=True), _graph(3, 4, norm=True), more)
    # kernel 4: 5x5 -> 2x2 pixels, the corner of the parent's 3x3
    np.testing.assert_array_equal(
        ours['main-fc']['group_mean'],
        theirs['main-fc']['group_mean'].reshape(4, 3, 3)[:3, :2, :2].ravel())
    assert theirs['main-fc']['group_mean'].shape == (36,)
    for name, variable in (('conv', 'group_mean'), ('conv-norm', 'scale')):
        np.testing.assert_array_equal(
            ours[name][variable], theirs[name][variable][:3])
    assert all(leaf.all() for leaf in (mask['conv']['group_mean'],
                                       mask['main-fc']['group_mean']))


def test_nothing_is_inherited_by_other_layers():
    child = Graph((8, 8, 1), 1, False, (
        Node('conv', 'depthwise', ('input',), 1, 3, 3, relu=False),
        _conv('new', 'conv', 4, 1), Node('main-fc', 'dense', ('new',), 6),
        Node('classifier', 'dense', ('main-fc',), 3, relu=False)))
    theirs, ours, mask = _inherit(_graph(), child)
    # Another operation of the same name, a new name, a dense layer of a new source.
    for name in ('conv', 'new'):
        assert not any(leaf.any() for leaf in jax.tree.leaves(mask[name]))
        assert not any(leaf.any() for leaf in jax.tree.leaves(ours[name]))
    assert not mask['main-fc']['kernel'].any() and mask['main-fc']['bias'].all()
    assert mask['classifier']['kernel'].all()
    np.testing.assert_array_equal(
        ours['classifier']['kernel'], theirs['classifier']['kernel'][:, :6])


@pytest.mark.parametrize('preserve', [False, True])
def test_a_layer_that_reads_nothing_of_the_parent_starts_afresh(preserve):
    trunk = Graph((8, 8, 1), 1, False, (
        _conv('conv', 'input', 4, 3), Node('classifier', 'dense', ('conv',), 3,
                                           relu=False)))
    child = Graph((8, 8, 1), 1, False, (
        *trunk.nodes[:1], Node('main-fc', 'dense', ('conv',), 6),
        Node('classifier', 'dense', ('main-fc',), 3, relu=False)))
    rng = np.random.default_rng(1)
    own, tree = _padded(trunk)
    exact = weights.extract(own, trunk, _numbered(rng, tree))
    skeleton, padded = _padded(child)
    values, mask = weights.embed(
        skeleton, child, trunk, exact, padded, preserve=preserve)
    assert not mask['classifier']['kernel'].any()
    assert not values['classifier']['kernel'].any()
    assert mask['conv']['kernel'].any()


def test_trees_are_host_arrays_that_own_their_data():
    graph = _graph()
    skeleton, tree = _padded(graph)
    exact = weights.extract(skeleton, graph, _numbered(np.random.default_rng(0), tree))
    for leaf in jax.tree.leaves(exact):
        assert isinstance(leaf, np.ndarray) and leaf.flags.c_contiguous
