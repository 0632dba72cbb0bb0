"""Objectives by name: figures, fronts and hypervolumes computed by hand."""

from typing import NamedTuple

import numpy as np
import pytest

from sparse_jax import default_config
from sparse_jax.objectives import goals as o
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.settings import reading


class Item(NamedTuple):
    """What objectives read of a network."""

    error: float
    costs: Totals | None
    measured: dict | None = None
    ok: bool = True


TOTALS = Totals(100, 200, 300, 4000)
BOARD = {'flash': 1234.5, 'ram': 640, 'instructions': 50_000.5, 'latency': 0.25}
ROWS = [  # Flash 1000, 100, 10, 1000 against errors 0.1, 0.2, 0.4, 0.3.
    Item(0.1, TOTALS, BOARD | {'flash': 1000.0}),
    Item(0.2, TOTALS, BOARD | {'flash': 100.0}),
    Item(0.4, TOTALS, BOARD | {'flash': 10.0}),
    Item(0.3, TOTALS, BOARD | {'flash': 1000.0}),
    Item(0.0, TOTALS, BOARD | {'flash': 1.0}, ok=False),
]
TWO = Objectives(('error', 'flash'), (0.1, 625.0), 0.5)


@pytest.mark.parametrize('name, memory, expected', [
    ('error', 'working_memory', 0.25), ('model_size', 'working_memory', 100),
    ('working_memory', 'working_memory', 200),
    ('working_memory', 'working_memory_weights', 300), ('macs', 'working_memory', 4000),
    ('flash', 'working_memory', 1234.5), ('ram', 'working_memory', 640),
    ('instructions', 'working_memory', 50_000.5), ('latency', 'working_memory', 0.25)])
def test_figures(name, memory, expected):
    assert o.figure(Item(0.25, TOTALS, BOARD), name, Objectives(memory=memory)
                    ) == expected


def test_what_was_not_measured_is_none():
    assert o.figure(Item(0.25, TOTALS), 'flash', TWO) is None


def test_objectives_of_failed_rows_are_nan():
    np.testing.assert_array_equal(o.objectives_of(ROWS[0], TWO), [0.1, 1000])
    assert np.isnan(o.objectives_of(ROWS[4], TWO)).all()
    assert o.matrix([], TWO).shape == (0, 2) and o.matrix(ROWS, TWO).shape == (5, 2)


def test_the_front_has_the_best_sorted_by_the_first_cost():
    assert o.front_of(ROWS, TWO) == [ROWS[2], ROWS[1], ROWS[0]]
    assert o.front_of([ROWS[0], ROWS[0]], TWO) == [ROWS[0]]


def test_the_hypervolume_by_hand():
    # The reference is (0.5, log10(16 * 625) = 4); steps at log10 flash 1, 2 and 3.
    np.testing.assert_allclose(TWO.reference, [0.5, 4.0])
    expected = 0.1 * (4 - 1) + 0.2 * (4 - 2) + 0.1 * (4 - 3)
    assert o.hypervolume_of(ROWS, TWO) == pytest.approx(expected)
    assert o.hypervolume_of(ROWS[4:], TWO) == 0.0


def test_latency_below_a_millisecond_still_counts():
    fast = Objectives(('error', 'latency'), (0.1, 62.5), 0.5)
    row = Item(0.4, TOTALS, BOARD | {'latency': 0.1})
    assert o.hypervolume_of([row], fast) == pytest.approx(0.1 * (3 + 1))


def test_the_best_is_within_all_soft_bounds():
    assert o.best_under(ROWS, TWO) == ROWS[1]
    assert o.best_under(ROWS, TWO._replace(bounds=(0.1, 5.0))) is None
    # A cost at its bound is within it.
    assert o.best_under(ROWS, TWO._replace(bounds=(0.1, 1000.0))) == ROWS[0]
    tie = [ROWS[0], ROWS[1]._replace(error=0.1)]
    assert o.best_under(tie, TWO._replace(bounds=(0.1, 2000.0))) == tie[1]


def test_networks_are_ranked_by_error_then_by_their_costs():
    errors = (0.3, 0.1, 0.1, 0.1)
    sizes = ((900, 5), (700, 9), (700, 8), (600, 9))
    rows = [Item(e, TOTALS._replace(model_size=s, working_memory=w))
            for e, (s, w) in zip(errors, sizes)]
    found = o.ranked_under(rows, Objectives(bounds=(0.1, 800.0, 9.0)))
    assert found == [rows[3], rows[2], rows[1]]
    assert o.ranked_under([], Objectives()) == []


def test_exceeded_budgets_are_named():
    hard = Objectives(budgets=(('macs', 4000.0), ('ram', 639.0), ('latency', 0.2)))
    assert o.exceeded(Item(0.1, TOTALS, BOARD), hard) == ('ram', 'latency')
    assert o.exceeded(Item(0.1, TOTALS), Objectives()) == ()


def test_the_default_configuration_has_the_papers_three():
    found = reading.objectives(reading.read(default_config()), 10)
    assert found == Objectives(o.DEFAULT, (0.1, 2048.0, 2048.0), 0.9)
    assert found.log == (False, True, True) and not found.on_board


def test_a_budget_alone_needs_the_board():
    config = default_config()
    config.budgets.latency = 20.0
    config.objectives.names = ('error', 'macs')
    found = reading.objectives(reading.read(config), 10)
    assert found.budgets == (('latency', 20.0),) and found.on_board
    assert found.names == ('error', 'macs') and found.bounds == (0.1, 50_000.0)
