"""Choosing a batch: repeats, groups, preference for compiled groups."""

import jax
import numpy as np
import pytest

from sparse_jax.acquisition import maximize
from sparse_jax.acquisition.admission import Admission, NothingLeftError, identity
from sparse_jax.acquisition.batch import Batch
from sparse_jax.acquisition.groups import MOST_LEADERS, GroupRules, siblings
from sparse_jax.acquisition.known import Known
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.scoring import Criterion, Facts
from sparse_jax.search.cube import cube_domain

CUBE = cube_domain(2)
CONFIG = MaximizeConfig(chunk=64)
HALVES = CUBE._replace(
    group=lambda x: ['left' if row[0] < 0.5 else 'right' for row in np.asarray(x)],
    resample=lambda key, x, num: (
        CUBE.sample(key, num) * [0.499, 1] + [0.0 if x[0] < 0.5 else 0.5, 0]))


def _value(surrogate, arrays, points):
    """Distance to a target."""
    return ((points.x - arrays['target']) ** 2).sum(-1)


def _criterion(targets):
    prepare = lambda key, pick, pending: {'target': np.array(targets[pick])}
    return Criterion(None, prepare, _value, False)


def _admission(**changes):
    return Admission(
        HALVES, lambda x: Facts.nothing(len(x), 2),
        lambda x: np.zeros(len(x), bool), lambda x, active: np.ones(len(x)),
        frozenset(), GroupRules())._replace(**changes)


def _select(admission, targets, config=CONFIG, scored=None):
    key = jax.random.key(0)
    return maximize.select(
        key, _criterion(targets), admission, HALVES.sample(key, 128), config=config,
        scored=np.ones(len(targets), bool) if scored is None else scored)


def test_each_pick_finds_its_own_optimum():
    targets = [[0.2, 0.3], [0.9, 0.1], [0.6, 0.6]]
    batch = _select(_admission(), targets)
    np.testing.assert_allclose(batch.x, targets, atol=0.02)
    without = _select(_admission(), targets, MaximizeConfig(
        chunk=64, rounds=0, ascent_steps=0))
    assert np.sum(batch.score) < np.sum(without.score)


@pytest.mark.parametrize('room', [0, 4])
def test_pending_points_are_imagined_before_the_picks(room):
    told, waiting = [], np.array([[0.1, 0.2], [0.3, 0.4]])

    def prepare(key, pick, pending):
        del key, pick
        told.append(pending)
        return {'target': np.array([0.5, 0.5])}

    batch = maximize.select(
        jax.random.key(0), Criterion(None, prepare, _value, False), _admission(),
        HALVES.sample(jax.random.key(1), 128), scored=np.ones(2, bool), config=CONFIG,
        pending=waiting, room=room)
    taken = np.concatenate([waiting, batch.points])
    for i, pending in enumerate(told):
        assert len(pending.mask) == 2 + max(room, 2)
        np.testing.assert_array_equal(np.flatnonzero(pending.mask), np.arange(2 + i))
        np.testing.assert_array_equal(pending.points.x[:2 + i], taken[:2 + i])


def test_later_picks_stay_in_the_open_groups():
    targets = [[0.2, 0.3], [0.9, 0.1], [0.8, 0.9]]
    batch = _select(_admission(groups=GroupRules(most=1)), targets)
    assert batch.groups == ['left'] * 3
    np.testing.assert_allclose(np.array(batch.x)[1:, 0], 0.5, atol=0.05)


def test_a_compiled_group_is_preferred_when_nearly_as_good():
    admission = _admission(groups=GroupRules({'right': np.array([0.9, 0.9])}, most=2))
    near, far = [[0.49, 0.5]], [[0.1, 0.5]]
    assert _select(admission, near).groups == ['right']
    assert _select(admission, far).groups == ['left']
    assert _select(_admission(groups=GroupRules(most=2)), near).groups == ['left']


def test_seen_groups_stay_open_when_no_new_one_may_be_opened():
    seen = {'right': np.array([0.9, 0.9])}
    targets = [[0.2, 0.3], [0.9, 0.1], [0.1, 0.9]]
    batch = _select(_admission(groups=GroupRules(seen, new=1)), targets)
    assert batch.groups == ['left', 'right', 'left']
    np.testing.assert_allclose(batch.x, targets, atol=0.02)
    batch = _select(_admission(groups=GroupRules(seen, new=0)), targets)
    assert batch.groups == ['right'] * 3


def test_group_rules_by_hand():
    seen = {'a': np.zeros(1), 'b': np.ones(1)}
    rules = GroupRules(seen, most=3, new=1)
    assert rules.allowed([]) is None and rules.allowed(['a', 'a', 'b']) is None
    assert rules.allowed(['c']) == ['c', 'a', 'b']
    assert rules.allowed(['c', 'a']) == ['c', 'a', 'b']
    assert rules.allowed(['c', 'a', 'b']) == ['c', 'a', 'b']
    assert GroupRules(seen, most=2).allowed(['c', 'a']) == ['c', 'a']
    assert GroupRules(seen).allowed(['c', 'd', 'e']) is None


def test_siblings_come_from_few_leaders():
    asked = []
    domain = HALVES._replace(
        resample=lambda key, x, num: asked.append(num) or np.repeat(x[None], num, 0))
    leaders = [np.array([i / 20, 0.0]) for i in range(20)]
    x = siblings(jax.random.key(0), domain, leaders, 64)
    assert asked == [8] * MOST_LEADERS and len(np.unique(x[:, 0])) == MOST_LEADERS
    firsts = {siblings(jax.random.key(i), domain, leaders[:2], 4)[0, 0]
              for i in range(10)}
    assert firsts == {0.0, 0.05}


def test_random_picks_spread_over_the_open_groups():
    quarters = CUBE._replace(
        group=lambda x: [int(4 * row[0]) for row in np.asarray(x)],
        resample=lambda key, x, num: CUBE.sample(key, num) * [0.249, 1] + [
            int(4 * x[0]) / 4, 0])
    admission = _admission(domain=quarters, groups=GroupRules(new=3))
    batch = Batch(admission)
    for key in jax.random.split(jax.random.key(0), 60):
        assert batch.pick_random(key)
    opened = {group: batch.groups.count(group) for group in set(batch.groups)}
    assert len(opened) == 3 and min(opened.values()) >= 10


def test_infeasible_regions_lose():
    risky = _admission(feasible=lambda x, active: (x[:, 0] < 0.5).astype(float))
    batch = _select(risky, [[0.6, 0.5]])
    assert batch.x[0][0] < 0.5


def test_admit_counts_what_it_refuses():
    x = np.array([[0.1, 0.1], [0.1, 0.1], [0.2, 0.2], [0.9, 0.9], [0.3, 0.3]])
    admission = _admission(taken=frozenset(identity(x[2:3])),
                       refuse=lambda x: x[:, 0] > 0.5)
    batch = Batch(admission)
    batch.append(x[4])
    np.testing.assert_array_equal(batch.admit(x), x[:1])
    assert sorted(batch.refused.values()) == [False, True]


def test_groups_and_budgets_are_asked_once_per_point():
    asked = []
    group = lambda x: asked.extend(x) or HALVES.group(x)
    admission = _admission(
        domain=HALVES._replace(group=group), groups=GroupRules(most=1),
        refuse=lambda x: np.zeros(len(x), bool))
    _select(admission, [[0.2, 0.3], [0.9, 0.1], [0.8, 0.9]])
    names = identity(np.array(asked))
    assert len(names) == len(set(names))


def test_identity_ignores_the_sign_of_zero():
    a, b = identity(np.array([[0.0, 0.5], [-0.0, 0.5 + 1e-12]]))
    assert a == b


def test_random_picks_have_no_score():
    batch = _select(_admission(), [[0.2, 0.3]] * 2, scored=np.array([False, True]))
    assert np.isnan(batch.score[0]) and np.isfinite(batch.score[1])


def _grid(size):
    """A space of `size` points."""
    at = lambda key, num: (np.random.default_rng(
        np.asarray(jax.random.key_data(key)).tolist()).integers(size, size=num) / size)
    sample = lambda key, num: np.stack([at(key, num), np.zeros(num)], 1)
    return CUBE._replace(
        levels=np.array([size, 1]), sample=sample,
        perturb=lambda key, x: sample(key, len(x)))


@pytest.mark.parametrize('left', [0, 1, 3])
def test_a_used_up_space_gives_fewer_points(left):
    domain = _grid(8)
    every = np.stack([np.arange(8) / 8, np.zeros(8)], 1)
    admission = _admission(domain=domain, taken=frozenset(identity(every[left:])))
    batch = maximize.select(
        jax.random.key(0), _criterion([[0.2, 0.0]] * 6), admission, every,
        scored=np.array([True, True, False, True, True, True]), config=CONFIG)
    assert batch.points.shape == (left, 2)
    assert set(identity(batch.points)) == set(identity(every[:left]))


def test_a_batch_may_be_larger_than_the_space():
    batch = Batch(_admission(domain=_grid(4)))
    found = [batch.pick_random(key) for key in jax.random.split(jax.random.key(0), 6)]
    assert found == [True] * 4 + [False] * 2
    assert len(set(identity(batch.points))) == 4


def test_refused_is_not_used_up():
    """One point is left and refused: the space is used up; nothing but refused ones:
    it is the budgets."""
    every = np.stack([np.arange(4) / 4, np.zeros(4)], 1)
    refuse = lambda x: x[:, 0] < 0.1
    some = _admission(domain=_grid(4), refuse=refuse, taken=frozenset(
        identity(every[1:])))
    assert not Batch(some).pick_random(jax.random.key(0))
    none = _admission(domain=_grid(4), refuse=lambda x: np.ones(len(x), bool))
    with pytest.raises(NothingLeftError, match='refuse every point: .* 4 different'):
        Batch(none).pick_random(jax.random.key(0))


def _known(x):
    """Facts that tell the points apart."""
    return Facts(x - 3, x + 3, x + 1)


def test_each_pick_learns_the_earlier_ones():
    heard = {}

    def prepare(key, pick, pending):
        heard[pick] = jax.random.key_data(key).tolist(), pending
        return {'target': np.array([0.3, 0.2 * pick])}

    domain = HALVES._replace(activity=lambda x: np.asarray(x) > 0.25)
    admission = _admission(domain=domain, facts=_known)
    batch = maximize.select(
        jax.random.key(0), Criterion(
            None, prepare, _value, False, fixed=_twice, state=2.0), admission,
        HALVES.sample(jax.random.key(1), 32), scored=np.array([1, 1, 0, 1], bool),
        config=MaximizeConfig(chunk=64, children=8, rounds=0, ascent_steps=0))
    assert list(heard) == [0, 1, 3]
    assert len({tuple(name) for name, _ in heard.values()}) == 3
    chosen = np.array(batch.x)
    for i, (_, pending) in heard.items():
        points = pending.points
        np.testing.assert_array_equal(pending.mask, np.arange(4) < i)
        np.testing.assert_array_equal(points.x[:i], chosen[:i])
        np.testing.assert_array_equal(points.active[:i], chosen[:i] > 0.25)
        np.testing.assert_array_equal(points.fixed[:i, 0], 2 * chosen[:i, 1])
        for known, part in zip(_known(chosen), points.facts):
            np.testing.assert_array_equal(part[:i], known[:i])


def _twice(surrogate, state, x, active):
    return state * x[:, 1:]


def test_what_is_fixed_is_computed_once_for_a_candidate():
    """A row that is asked again, alone or beside others, is what it was."""
    asked = []
    domain = HALVES._replace(activity=lambda x: asked.append(len(x)) or x > 0.25)
    known = Known(_criterion([])._replace(fixed=_twice, state=2.0), _admission(
        domain=domain, feasible=lambda x, active: x[:, 0]), chunk=4)
    x = HALVES.sample(jax.random.key(0), 6)
    known.learn(x[:3])
    points, chance = known(x[::-1])
    assert asked == [3, 3]
    np.testing.assert_array_equal(points.x, x[::-1])
    np.testing.assert_array_equal(points.active, x[::-1] > 0.25)
    np.testing.assert_array_equal(points.fixed, 2 * x[::-1, 1:])
    np.testing.assert_array_equal(chance, x[::-1, 0])


def _first(surrogate, arrays, points):
    return points.x[:, 0]


def _halved(improvement, values):
    """Values weighted by a chance of a half each, and the level."""
    criterion = Criterion(None, None, _first, improvement)
    admission = _admission(feasible=lambda x, active: np.full(len(x), 0.5))
    scorer = maximize.Scorer(
        criterion, None, Known(criterion, admission, 64), CONFIG)
    return scorer(np.array([[value, 0.0] for value in values]), None)


def test_improvements_shrink_to_nothing():
    value, level = _halved(True, [-1.0, -0.1])
    np.testing.assert_allclose(value, [-0.5, -0.05])
    assert level == 0.0


def test_other_values_shrink_to_the_median():
    value, level = _halved(False, [0.0, 1.0, 4.0])
    np.testing.assert_allclose(value, [0.5, 1.0, 4.0])
    assert level == 1.0


def test_the_best_candidates_have_the_children():
    bred = []
    domain = HALVES._replace(perturb=lambda key, x: bred.append(x) or x)
    pool = HALVES.sample(jax.random.key(2), 80)
    maximize.select(
        jax.random.key(0), _criterion([[0.5, 0.5]]), _admission(domain=domain), pool,
        scored=np.array([True]), config=MaximizeConfig(
            chunk=64, rounds=1, elite=3, children=60, ascent_steps=0))
    order = np.argsort(((pool - 0.5) ** 2).sum(1))
    ranks = [np.flatnonzero((pool[order] == x).all(1)).item() for x in bred[0]]
    # 1, 1 / 2 and 1 / 3 of 11 / 6.
    np.testing.assert_allclose(
        np.bincount(ranks) / 60, [6 / 11, 3 / 11, 2 / 11], atol=0.15)


@pytest.mark.parametrize('second, group', [(0.09, 'right'), (0.11, 'left')])
def test_nearly_as_good_is_a_tenth_of_the_way_to_the_median(second, group):
    pool = np.array([
        [0.0, 0.1], [second, 0.9], [1.0, 0.1], [1.0, 0.2], [1.0, 0.3]])
    domain = CUBE._replace(
        group=lambda x: ['left' if row[1] < 0.5 else 'right' for row in np.asarray(x)])
    rules = GroupRules({'right': np.array([0.0, 0.9])}, most=2)
    criterion = Criterion(None, lambda key, pick, pending: None, _first, False)
    batch = maximize.select(
        jax.random.key(0), criterion, _admission(domain=domain, groups=rules), pool,
        scored=np.array([True]), config=MaximizeConfig(
            chunk=64, children=1, rounds=0, ascent_steps=0, reuse=0.1))
    assert batch.groups == [group]
