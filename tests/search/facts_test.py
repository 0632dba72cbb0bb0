"""Facts before training: bounds and scales of a network small enough to count."""

import numpy as np
import pytest

from sparse_jax.objectives.goals import Objectives
from sparse_jax.search import facts
from sparse_jax.space.architecture import Graph, Node

INF = np.inf
GRAPH = Graph((10, 8, 2), 2, False, (
    Node('classifier', 'dense', ('input',), 3, relu=False),))
"""40 inputs, 3 classes: 123 parameters, 120 products, 43 numbers in memory."""
ROWS = {
    'error': (0, 1, 1),
    'model_size': (1 + 3, 123, 123),
    'working_memory': (40 + 3, 40 + 3, 40 + 3),
    'macs': (1, 120, 120),
    'flash': (-INF, INF, 123),
    'ram': (-INF, INF, 43),
    'instructions': (-INF, INF, 120),
    'latency': (-INF, INF, 120),
}
"""(low, high, scale) of every objective, with pruning."""


@pytest.fixture
def found(monkeypatch):
    """facts_of two points that are both `GRAPH`, as [3, K] of the second."""
    monkeypatch.setattr(
        facts.encoding, 'graphs', lambda space, rows: [GRAPH] * len(rows))

    def of(objectives, prunes):
        known = facts.facts_of(None, objectives, np.zeros((2, 1)), prunes=prunes)
        assert [v.shape for v in known] == [(2, len(objectives.names))] * 3
        return np.stack(known)[:, 1]

    return of


def test_with_pruning_a_counted_cost_lies_between_its_bounds(found):
    known = found(Objectives(tuple(ROWS)), True)
    np.testing.assert_array_equal(known.T, list(ROWS.values()))


def test_without_pruning_counted_costs_are_known(found):
    low, high, scale = found(Objectives(tuple(ROWS)), False)
    np.testing.assert_array_equal(low, [0, 123, 43, 120] + [-INF] * 4)
    np.testing.assert_array_equal(high, [1, 123, 43, 120] + [INF] * 4)
    np.testing.assert_array_equal(scale, [1, 123, 43, 120, 123, 43, 120, 120])


def test_the_other_memory_model_counts_weights(found):
    aims = Objectives(('error', 'working_memory', 'ram'),
                      memory='working_memory_weights')
    np.testing.assert_array_equal(
        found(aims, True).T, [(0, 1, 1), (40 + 1, 40 + 120, 160), (-INF, INF, 160)])
