"""Starts that live at the budget, and the searches that begin with them."""

import jax
import numpy as np
import pytest

from sparse_jax.objectives.goal import GOALS, Counted, Goal
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import graph_totals, layer_rows
from sparse_jax.search import archive, setup, starts
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Pruning, Settings
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space
from tests import tiny_study

SPACE = sparse_space((28, 28, 1), 10)
HARD = Objectives(budgets=(('model_size', 900.0), ('macs', 30_000.0)))


def _costs(objectives, *, spare=1.0, count=12, **more):
    draw = starts.filled(SPACE, objectives, spare=spare, **more)
    rows = draw(jax.random.key(1), count)
    return np.array([graph_totals(g) for g in encoding.graphs(SPACE, rows)], float)


def test_targets_are_hard_budgets_or_else_soft_bounds():
    found = {goal.name: most for goal, most in starts.targets(HARD)}
    assert found == {'model_size': 900, 'working_memory': 2048, 'macs': 30_000}


@pytest.mark.parametrize('spare', [1.0, 1.5])
def test_costs_are_at_their_targets_but_for_what_pruning_leaves(spare):
    """Working memory has no room: pruning seldom lowers it."""
    size, memory, _, macs, _ = _costs(HARD, spare=spare).T
    share = np.max([size / 900, macs / 30_000, spare * memory / 2048], axis=0)
    assert share.max() <= spare
    assert np.median(share) > 0.9 * spare


@pytest.mark.parametrize('method, spare', [
    ('none', 1.0), ('sparse_vd', 1.5), ('gradual_magnitude', 3.0)])
def test_the_room_for_pruning(method, spare):
    assert starts.spare_of(Settings(pruning=Pruning(method=method))) == spare


def test_the_model_of_memory_decides_what_fits():
    """Input + weights of the largest layer, model (5) of the paper."""
    objectives = Objectives(
        ('error', 'model_size'), (0.1, 2000.0), memory='working_memory_weights',
        budgets=(('working_memory', 700.0),))
    weights = _costs(objectives)[:, 2]
    assert 0.9 * 700 < weights.max() <= 700


def test_networks_that_are_refused_are_not_drawn():
    costs = _costs(Objectives(),
                   refuses=lambda graph: graph_totals(graph).macs > 20_000)
    assert costs[:, 3].max() <= 20_000


def test_costs_known_before_training():
    """Counted ones exactly; RAM by its bound, flash by the model size, time by none."""
    graph = encoding.graph(SPACE, encoding.sample(jax.random.key(0), SPACE, 1)[0])
    known = lambda goal: starts.known_cost(graph, goal, Objectives())
    totals = graph_totals(graph)
    assert known(GOALS['working_memory']) == totals.working_memory
    own = Goal('reads', 'reads', '', Counted(lambda rows: sum(r.inputs for r in rows)),
               1.0)
    assert known(own) == sum(row.inputs for row in layer_rows(graph))
    assert known(GOALS['flash']) == totals.model_size
    assert 0 < known(GOALS['ram']) <= totals.working_memory
    assert known(GOALS['latency']) is None


def test_budgets_that_nothing_meets_leave_the_prior():
    small = sparse_space((200, 200, 1), 10)
    draw = starts.filled(small, Objectives(bounds=(0.1, 64.0, 64.0)))
    np.testing.assert_array_equal(
        draw(jax.random.key(0), 3), encoding.sample(jax.random.key(0), small, 3))


def _settings(**changes):
    # The tiny study's own bounds: 6x6 images fit in many ways.
    changes = {'search__initial_design': 'filled', 'objectives__model_size': 300,
               'objectives__working_memory': 200, 'pruning__method': 'none',
               'search__max_groups': 0, 'search__initial_groups': 0} | changes
    return tiny_study.settings(**changes)


@pytest.fixture(scope='module')
def built():
    """A search whose starts fill the budgets."""
    return setup.build(_settings(search__batch=8, search__initial=32))


def test_a_search_starts_from_many_filled_structures(built):
    """32 structures in 32 trials: as many programs where none is shared."""
    found = archive.empty(built.domain.dim, len(built.objectives.names))
    points = []
    for round_ in range(4):
        x, _ = built.algorithm.suggest(jax.random.key(round_), found)
        points.append(x)
    points = np.concatenate(points)
    assert len(points) == 32
    graphs = encoding.graphs(built.space, points)
    costs = np.array([graph_totals(g)[:2] for g in graphs])
    assert (costs <= (300, 200)).all()
    share = (costs / (300, 200)).max(1)
    assert np.median(share) > 0.85
    assert len(set(built.domain.group(points))) >= 20


def test_random_proposals_live_at_the_budget_too_and_the_prior_stays_the_default(built):
    rows = built.domain.sample(jax.random.key(0), 8)
    costs = np.array([graph_totals(g)[:2] for g in encoding.graphs(built.space, rows)])
    assert (costs <= (300, 200)).all()
    assert tiny_study.settings().search.initial_design == 'prior'


def test_designs_have_names():
    with pytest.raises(ConfigError, match=(
            "^config.search.initial_design: 'full' is not allowed; allowed: prior")):
        tiny_study.settings(search__initial_design='full')


def test_of_every_four_draws_the_busiest_comes_first():
    """Of ten: two fours and two more."""
    macs = [5, 3, 9, 1, 7, 2, 8, 4, 6, 0]
    orders = [starts._order(jax.random.key(seed), [1] * 10, macs, 4)
              for seed in range(50)]
    for order in orders:
        assert sorted(order) == list(range(10))
        # The largest of all is first of its four, and so among the first three.
        assert 2 in order[:3] and order.index(9) > 1
        # Each of the seven others is in some four that one of the three leads.
        assert all(sum(macs[i] <= macs[j] for j in order[:3]) for i in order[3:])
    assert len({tuple(order) for order in orders}) > 40
    assert starts._order(jax.random.key(0), [], [], 4) == []


def test_networks_with_strides_have_rivals_of_their_own():
    macs, strides = [9, 8, 7, 6, 3, 2, 1, 0], [1, 1, 1, 1, 2, 2, 2, 2]
    orders = [starts._order(jax.random.key(seed), strides, macs, 4)
              for seed in range(20)]
    assert {tuple(sorted(order[:2])) for order in orders} == {(0, 4)}
    assert {order[0] for order in orders} == {0, 4}
