"""What networks cost on a board before they are trained."""

import dataclasses

import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.evaluation.chip import board_costs
from sparse_jax.evaluation.estimates import board_estimates
from sparse_jax.export.chip.boards import load
from sparse_jax.host_random import root_key
from sparse_jax.model.untrained import untrained
from sparse_jax.objectives.goals import Objectives
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.search import starts
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space

DATA = data.load(data.DataSpec('digits'))
BOARD = load('microbit')
SPACE = sparse_space(DATA.input_shape, DATA.num_classes, rows='extended')


def _measured(graph):
    net = untrained(graph, mean=DATA.mean, std=DATA.std)
    return board_costs(quantize(net, calibrate(net, DATA.train.images[:2])), BOARD)


def _narrower(graph):
    """It with a map or unit less in its first layer, all else equal."""
    first, *rest = graph.nodes
    return dataclasses.replace(graph, nodes=(
        dataclasses.replace(first, channels=first.channels - 1), *rest))


@pytest.fixture(scope='module')
def graphs():
    """Networks without depthwise layers or adds: there a map stands alone."""
    rows = encoding.sample(root_key(3), SPACE, 600)
    plain = [graph for graph in encoding.graphs(SPACE, rows)
             if {node.op for node in graph.nodes} <= {'conv', 'dense'}
             and graph.feasible() and graph.nodes[0].channels > 1]
    assert len(plain) >= 10
    return plain[:10]


def test_flash_is_exact_whatever_the_widths_and_time_is_near(graphs):
    for graph in graphs:
        estimate = board_estimates(DATA, BOARD)
        estimate(_narrower(graph))
        found, true = estimate(graph), _measured(graph)
        assert found['flash'] == pytest.approx(true['flash'], abs=1e-6)
        assert found['latency'] == pytest.approx(true['latency'], rel=0.25)
        assert 'ram' not in found
        # A resumed search asks for other networks first.
        assert found == board_estimates(DATA, BOARD)(graph)


def test_filled_structures_are_within_the_flash_that_is_measured():
    objectives = Objectives(names=('error', 'flash'), bounds=(0.1, 4096.0),
                            budgets=(('flash', 4096.0), ('ram', 1024.0)))
    draw = starts.filled(SPACE, objectives, estimate=board_estimates(DATA, BOARD))
    costs = [_measured(graph) for graph in encoding.graphs(SPACE, draw(root_key(0), 6))]
    flash = np.array([cost['flash'] for cost in costs])
    assert np.all(flash <= 4096) and np.median(flash) > 3600
    assert all(cost['ram'] <= 1024 for cost in costs)
