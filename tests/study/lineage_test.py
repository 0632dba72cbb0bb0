"""Parents, stages and the tree they make."""

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.acquisition import propose
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search import archive, stages
from sparse_jax.search.domain import sparse_domain
from sparse_jax.space import encoding
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.study import lineage
from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.records import Record
from sparse_jax.types import Evaluation, SearchAlgorithm

SPACE = sparse_space((8, 8, 1), 10)
DOMAIN = sparse_domain(SPACE, TierPolicy())
BASE = {d.name: d.neutral_value() for d in SPACE.dimensions} | {
    'downsample-input': False, 'num-conv-blocks': 1, 'num-fc-layers': 0,
    'left-branch': False, 'right-branch': False, 'num-conv-layers-block-1': 1,
    'num-filters-block-1-layer-1': 8}


def _point(**changes):
    named = {name.replace('_', '-'): value for name, value in changes.items()}
    return encoding.canonical(SPACE, encoding.encode(SPACE, BASE | named)[None])[0]


def _row(number, point, error, parent=None, name='ok'):
    costs = Totals(100, 50, 60, 1000) if name == 'ok' else None
    trial = Trial(number, point, 10, parent)
    return Record(trial, 0, name, {}, error, costs, costs, 0.1)


def test_epochs_of_ancestors_count():
    rows = [_row(0, _point(), 0.1), _row(1, _point(), 0.1, parent=0),
            _row(2, _point(), 0.1), _row(3, _point(), 0.1, parent=1)]
    rows[1] = rows[1]._replace(trial=rows[1].trial._replace(epochs=5))
    assert [lineage.total_epochs(rows, n) for n in range(4)] == [10, 15, 10, 25]


def test_tree_lines_indent_children():
    point = _point()
    rows = [_row(0, point, 0.5), _row(1, point, 0.25, parent=0),
            _row(2, point, None, name='empty'), _row(3, point, 0.125, parent=1)]
    assert lineage.tree_lines(rows) == [
        '0: 50.0 %, 100 B', '  1: 75.0 %, 100 B', '    3: 87.5 %, 100 B', '2: empty']


@pytest.mark.parametrize('round_, expected', [(0, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_stage_of_a_round(round_, expected):
    assert stages.stage_of(round_, (3, 5)) == expected
    assert stages.stage_of(round_, ()) == 1


def _state():
    """Three evaluated points of which the second is dominated."""
    points = DOMAIN.sample(jax.random.key(0), 3)
    values = np.array([[0.1, 200, 50], [0.2, 300, 60], [0.3, 100, 40]])
    state = archive.empty(DOMAIN.dim, 3)
    return archive.append(
        state, points, Evaluation(values, np.full(3, status.OK))), points


def test_stage_two_edits_pruning_parameters_only():
    state, points = _state()
    second = stages.restrict(DOMAIN, SPACE, state, 2)
    rows = second.sample(jax.random.key(1), 40)
    structural = ~SPACE.having(Role.PRUNING)
    own = [int(np.abs((points - row)[:, structural]).max(1).argmin()) for row in rows]
    assert set(own) == {0, 1, 2}
    assert np.abs((points[own] - rows)[:, structural]).max() == 0
    assert (np.abs(points[own] - rows).max(1) > 0).all()
    more = second.resample(jax.random.key(2), points[0], 8)
    assert len(more) and encoding.graphs(SPACE, more) == [
        encoding.graph(SPACE, points[0])] * len(more)


@pytest.mark.parametrize('draw', ['sample', 'resample'])
def test_stage_two_makes_one_to_three_edits(draw):
    state, points = _state()
    second = stages.restrict(DOMAIN, SPACE, state, 2)
    if draw == 'sample':
        rows = second.sample(jax.random.key(1), 90)
    else:
        rows = second.resample(jax.random.key(1), points[0], 90)
    # Annealing epochs also come and go with `pretraining`.
    own = np.array([name != 'annealing-epochs' for name in SPACE.names])
    edits = (np.abs(rows[:, None] - points) > 1e-9)[..., own].sum(-1).min(1)
    assert set(edits) - {0} == {1, 2, 3}


def test_stage_three_starts_from_the_front():
    state, points = _state()
    third = stages.restrict(DOMAIN, SPACE, state, 3)
    rows = third.sample(jax.random.key(1), 60)
    assert encoding.feasible(SPACE, rows).all()
    changed = (np.abs(rows[:, None] - points) > 1e-9).sum(-1)
    # At most three edits, each waking a few dimensions, from trial 0 or 2.
    assert (changed[:, [0, 2]].min(1) <= changed[:, 1]).mean() > 0.95


def test_staged_algorithms_follow_the_rounds():
    state, points = _state()
    seen, parents = [], []

    def make(domain, references):
        def suggest(key, state):
            seen.append(domain)
            parents.append(references)
            return domain.sample(key, 3), None
        return SearchAlgorithm(suggest)

    algorithm = stages.staged(make, DOMAIN, SPACE, starts=(1, 2))
    algorithm.suggest(jax.random.key(0), archive.empty(DOMAIN.dim, 3))
    algorithm.suggest(jax.random.key(0), state)
    assert seen[0] is DOMAIN and seen[1] is not DOMAIN
    algorithm.suggest(jax.random.key(0), state._replace(rounds=2))
    assert parents == [propose.front_and_everything] * 2 + [propose.front]
    rows = seen[1].sample(jax.random.key(3), 8)
    graphs = set(encoding.graphs(SPACE, points))
    assert set(encoding.graphs(SPACE, rows)) <= graphs


def test_epochs_of_a_point_are_those_of_its_rungs():
    """Trial 1 inherits from another point and goes on twice."""
    point = _point()
    rows = [_row(0, point, 0.5), _row(1, point, 0.4, parent=0),
            _row(2, point, 0.3, parent=1), _row(3, point, 0.2, parent=2),
            _row(4, point, 0.1, parent=3)]
    for row, rung, epochs in ((2, 1, 7), (3, 2, 4), (4, FINAL, 2)):
        rows[row] = rows[row]._replace(trial=rows[row].trial._replace(
            rung=rung, origin=1, epochs=epochs))
    assert [lineage.point_epochs(rows, n) for n in range(5)] == [10, 10, 17, 21, 23]
    assert lineage.total_epochs(rows, 3) == 31
    assert [line.split(':')[0].strip() for line in lineage.tree_lines(rows)] == [
        '0', '1', '2 (rung 1)', '3 (rung 2)', '4 (final)']


def test_the_latest_trial_of_every_point():
    """Trials 1 and 2 are longer trainings of point 0, 4 is one of the end."""
    point = _point()
    rows = [_row(n, point, 0.5) for n in range(5)]
    for number, rung in ((1, 1), (2, 2), (4, FINAL)):
        rows[number] = rows[number]._replace(trial=rows[number].trial._replace(
            rung=rung, origin=0, parent=0))
    for given in (rows, rows[::-1], [rows[i] for i in (2, 4, 0, 3, 1)]):
        assert [row.trial.number for row in lineage.latest(given)] == [2, 3]
    assert lineage.latest(rows[:1]) == rows[:1] and lineage.latest([]) == []
