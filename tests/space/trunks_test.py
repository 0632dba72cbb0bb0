"""What layers leave, for many rows at once, against the graphs of single rows."""

import jax
import numpy as np
import pytest

from sparse_jax.space import architecture, encoding, levels, trunks
from sparse_jax.space.sparse_space import sparse_space

SPACES = [
    sparse_space((8, 8, 1), 10),
    sparse_space((20, 17, 3), 4, prior='scaled', rows='extended'),
]


@pytest.fixture(params=SPACES, ids=lambda s: s.prior)
def space(request):
    return request.param


@pytest.fixture
def rows(space):
    """Random rows of the cube and a bit beyond, snapped; some are not feasible."""
    random = np.random.default_rng(0).uniform(-0.1, 1.1, (200, len(space.dimensions)))
    return encoding.snap(space, random)


def test_feasibility_and_fan_ins_are_those_of_the_graphs(space, rows):
    fine, fan_ins = trunks.measured(space, rows)
    assert 5 < fine.sum() < 195
    for point, on, found in zip(encoding.decode_rows(space, rows), fine, fan_ins):
        net = architecture.resolve(point, space.input_shape, space.num_classes)
        assert net.feasible() == on
        if on:
            assert found == architecture.fan_ins(net, architecture.block_ends(point))


def test_levels_and_centres_are_those_of_single_dimensions(space, rows):
    random = np.random.default_rng(1).uniform(-0.1, 1.1, rows.shape)
    number, centred = levels.numbers(space, random), levels.centred(space, random)
    for i, dimension in enumerate(space.dimensions):
        np.testing.assert_array_equal(centred[:, i], dimension.snap(random[:, i]))
        if dimension.levels:
            np.testing.assert_array_equal(number[:, i], dimension.index(random[:, i]))
            assert levels.values(space)[i] == tuple(
                dimension.level(j) for j in range(dimension.levels))
        else:
            assert not number[:, i].any() and levels.values(space)[i] == ()


def test_units_are_kept_whatever_else_there_is_among_the_rows(space):
    rows = encoding.canonical(space, encoding.sample(jax.random.key(3), space, 60))
    graphs = encoding.graphs(space, rows)
    alone = [encoding.keep_units(space, row[None], [net])[0]
             for row, net in zip(rows, graphs)]
    together = encoding.keep_units(space, rows, graphs)
    np.testing.assert_array_equal(together, np.array(alone))
    # Values that already give these units are not written again.
    np.testing.assert_array_equal(together, rows)
