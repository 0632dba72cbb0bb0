"""What networks offer to a child is what the child copies."""

import jax
import numpy as np

from sparse_jax import ops
from sparse_jax.model.extents import Offers, extent, overlap
from sparse_jax.model.skeleton import EXACT, pad
from sparse_jax.model.weights import embed
from sparse_jax.search.domain import sparse_domain
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space

SPACE = sparse_space((8, 8, 3), 5)


def _graphs():
    """Of 9 structures 4 each."""
    domain = sparse_domain(SPACE, EXACT)
    rows = domain.sample(jax.random.key(3), 9)
    more = [domain.resample(jax.random.key(i), row, 3) for i, row in enumerate(rows)]
    return encoding.graphs(
        SPACE, encoding.canonical(SPACE, np.concatenate([rows, *more])))


def _kernels(graph):
    shapes = graph.shapes()
    return {node.name: {'kernel': np.ones(
        ops.weights(node).shape(node, shapes), np.float32)}
        for node in graph.weighted_nodes}


def test_the_overlap_is_the_share_of_weights_that_embed_copies():
    graphs, found = _graphs()[::2], set()
    for child in graphs:
        mine = _kernels(child)
        for parent in graphs:
            _, mask = embed(pad(child, EXACT), child, parent, _kernels(parent), mine)
            copied = sum(int(leaf['kernel'].sum()) for leaf in mask.values())
            total = sum(leaf['kernel'].size for leaf in mine.values())
            share = overlap(child, parent)
            image = lambda graph: (graph.downsample, graph.downsample_type,
                                   graph.squeeze_depth)
            assert share == (copied / total if image(child) == image(parent) else 0.0)
            found.add(share)
    assert len(found) > 30 and {0.0, 1.0} < found


def test_many_at_once_are_as_one_after_another():
    """Also where columns have to become longer, and for layers that nobody has."""
    graphs, offers = _graphs(), Offers()
    for _ in range(3):
        for graph in graphs:
            offers.append(extent(graph))
    assert len(offers) == 3 * len(graphs) > 64
    for child in graphs[::5]:
        expected = [overlap(child, graph) for graph in graphs]
        assert offers.shares(extent(child)).tolist() == 3 * expected
    assert Offers().shares(extent(graphs[0])).tolist() == []
