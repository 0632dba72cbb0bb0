"""Whom a new point inherits from, and that it is the same trial by trial."""

import functools

import jax
import numpy as np
import pytest

from sparse_jax.model.extents import overlap
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.objectives.goals import Objectives, front_of
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.references import NEAR, References
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.study.lineage import latest
from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.records import PENDING, Record

SPACE = sparse_space((8, 8, 1), 10)
DOMAIN = sparse_domain(SPACE, TierPolicy())
AIMS = Objectives()
BASE = {d.name: d.neutral_value() for d in SPACE.dimensions} | {
    'downsample-input': False, 'num-conv-blocks': 1, 'num-fc-layers': 0,
    'left-branch': False, 'right-branch': False, 'num-conv-layers-block-1': 1}


def _wide(filters):
    named = BASE | {'num-filters-block-1-layer-1': filters}
    return encoding.canonical(SPACE, encoding.encode(SPACE, named)[None])[0]


def _row(number, point, error, *, rung=0, origin=None, size=100, name='ok',
         offset=None):
    costs = Totals(size, size, 60, 1000)
    return Record(Trial(number, point, 10, None, rung, origin), 0, name, {}, error,
                  costs, costs, 0.1, offset)


def _parent(rows, child, least=0.5):
    return References(SPACE, rows).parent_of(child, min_overlap=least)


def test_the_parent_covers_most_weights_then_errs_least():
    rows = [_row(0, _wide(2), 0.01), _row(1, _wide(16), 0.2),
            _row(2, _wide(16), 0.1), _row(3, _wide(16), 0.1)]
    assert _parent(rows, _wide(15)) == 3
    # Two of fifteen filters are not enough; nor is anything without references.
    assert _parent(rows[:1], _wide(15)) is None
    assert _parent([], _wide(15), 0.0) is None


@pytest.mark.parametrize('filters, parent', [
    ((100, 97, 90), 1), ((100, 94, 90), 0), ((97, 93, 90), 1), ((97, 91, 90), 0)])
def test_shares_within_five_hundredths_count_alike(filters, parent):
    rows = [_row(i, _wide(n), 0.3 - 0.1 * i) for i, n in enumerate(filters)]
    assert _parent(rows, _wide(100)) == parent


def test_what_has_no_weights_to_give_is_no_reference():
    rows = [_row(0, _wide(8), 0.1, name='empty'), _row(1, _wide(8), None, name=PENDING),
            _row(2, _wide(8), None, name='out-of-memory'),
            _row(3, _wide(8), 0.1, rung=FINAL, origin=4),
            _row(4, _wide(8), 0.1, offset=-1.0)]
    assert References(SPACE, rows).rows == [] and _parent(rows, _wide(8), 0.0) is None
    over = _row(5, _wide(8), 0.9, name='over-budget')
    assert _parent([*rows, over], _wide(8)) == 5


@functools.cache
def _share(child, reference):
    """Of the weights of one point that another covers, both as bytes."""
    return overlap(*(encoding.graph(SPACE, np.frombuffer(point))
                     for point in (child, reference)))


def _slow_parent(rows, child, least):
    """By the definition, of a list of references."""
    shares = [_share(child.tobytes(), row.trial.row.tobytes()) for row in rows]
    if not rows or max(shares) < least:
        return None
    near = [row for row, share in zip(rows, shares) if share >= max(shares) - NEAR]
    return min(near, key=lambda row: (row.error, -row.trial.number)).trial.number


def _study(seed):
    """150 trials of few structures, a third of them longer trainings of earlier ones.
    """
    rng = np.random.default_rng(seed)
    bases = DOMAIN.sample(jax.random.key(seed), 8)
    points = encoding.canonical(SPACE, np.concatenate([
        DOMAIN.resample(jax.random.key(100 + i), base, 12)
        for i, base in enumerate(bases)]))
    rows = []
    for number in range(150):
        error, size = float(rng.integers(1, 20)) / 20, int(rng.integers(50, 500))
        name = rng.choice(['ok'] * 8 + ['empty', 'over-budget'])
        earlier = [row.trial for row in rows if row.trial.rung < 2]
        if earlier and rng.random() < 0.3:
            before = earlier[rng.integers(len(earlier))]
            rows.append(_row(number, before.row, error, rung=before.rung + 1,
                             origin=before.first, size=size, name=name))
        else:
            rows.append(_row(number, points[rng.integers(len(points))], error,
                             size=size, name=name))
    return rows, points[rng.integers(len(points), size=6)]


@pytest.mark.parametrize('seed', [0, 1])
def test_trial_by_trial_references_are_those_of_all(seed):
    rows, children = _study(seed)
    references = References(SPACE)
    for start in range(0, len(rows), 25):
        # What is told twice counts once.
        references.add([*rows[max(start - 3, 0):start], *rows[start:start + 25]])
        known = latest([row for row in rows[:start + 25]
                        if row.trained and not row.empty])
        assert sorted(r.trial.number for r in references.rows) == [
            r.trial.number for r in known]
        front = front_of(known, AIMS)
        assert [r.trial.number for r in references.front(AIMS)] == [
            r.trial.number for r in front]
        for child in children:
            for least in (0.0, 0.7):
                assert references.parent_of(
                    child, min_overlap=least) == _slow_parent(known, child, least)
                assert references.parent_of(
                    child, min_overlap=least, among=front) == _slow_parent(
                        front, child, least)
