"""A layer type from outside: named in the table of layer types, and nothing else."""

import jax
import numpy as np
import pytest

from sparse_jax.space import encoding, morphisms, sides
from sparse_jax.space.layer_types import LAYER_TYPES, Layer, LayerType, linear
from sparse_jax.space.sparse_space import sparse_space
from tests.recipes import trained_network


def _double(layer: Layer):
    """Two convolutions, with as many maps each."""
    first = linear(layer, 'conv', layer.source, layer.filters, part='first',
                   kernel=layer.kernel)
    return first, linear(layer, 'conv', first.name, layer.filters, kernel=layer.kernel)


@pytest.fixture
def space(monkeypatch):
    monkeypatch.setitem(LAYER_TYPES, 'DoubleConv2D', LayerType(_double))
    return sparse_space((11, 9, 2), 3)


def test_it_is_a_choice_and_every_draw_is_feasible(space):
    rows = encoding.sample(jax.random.key(0), space, 400)
    points = encoding.decode_rows(space, rows)
    assert {p['layer-type-block-1-layer-1'] for p in points} == set(LAYER_TYPES)
    assert all(graph.feasible() for graph in encoding.graphs(space, rows))
    edited = morphisms.morph(jax.random.key(1), space, rows)
    assert all(graph.feasible() for graph in encoding.graphs(space, edited))


def test_feasible_rows_are_those_of_feasible_graphs(space):
    drawn = np.random.default_rng(0).random((400, len(space.names)))
    rows = encoding.snap(space, drawn)
    ours = encoding.feasible(space, rows)
    np.testing.assert_array_equal(
        ours, [graph.feasible() for graph in encoding.graphs(space, rows)])
    assert 50 < ours.sum() < 350


def test_it_trains_shrinks_and_counts(space):
    rows = encoding.sample(jax.random.key(0), space, 400)
    graphs = encoding.graphs(space, rows)
    chosen = next(i for i, graph in enumerate(graphs) if any(
        n.name.endswith('-first') for n in graph.nodes)
        and max(n.channels for n in graph.nodes) < 20)
    trained_network.check(graphs[chosen], encoding.decode(space, rows[chosen]))


def test_a_space_of_the_greediest_type_alone_fits(space):
    """The first choice of a row need not be the one that leaves most."""
    small = sparse_space((3, 3, 1), 2)
    kernel = small['kernel-size-block-1-layer-1']
    assert encoding.fits(small)
    assert sides.after_layer(LAYER_TYPES['DoubleConv2D'], int(kernel.low), 3, 1) == 1
    assert sides.after_layer(LAYER_TYPES['DoubleConv2D'], 3, 3, 1) == 0
