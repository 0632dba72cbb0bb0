"""One table of all search algorithms, the same properties for every member."""

import collections

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.acquisition.admission import identity
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.propose import random_and_morphs
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.host_random import generator
from sparse_jax.objectives import pareto
from sparse_jax.search import algorithms as lib
from sparse_jax.search import archive
from sparse_jax.search.algorithms.evolution import fittest
from sparse_jax.surrogate.gp import GPConfig, gp
from sparse_jax.types import Domain, Evaluation, Problem

BATCH = 4
LEVELS = np.array([3, 4, 0, 5, 0, 6])
"""A small conditional space: dimension 0 is unordered, 3 and 4 need level > 0 of 1."""


def _canonical(x):
    x = np.clip(np.asarray(x, float), 0, 1)
    for i in np.flatnonzero(LEVELS):
        n = LEVELS[i]
        x[:, i] = np.minimum(np.floor(x[:, i] * n), n - 1) / (n - 1)
    return np.where(_activity(x), x, 0.5)


def _activity(x):
    active = np.ones(np.shape(x), bool)
    active[:, 3:5] = (np.asarray(x)[:, 1] > 0)[:, None]
    return active


def _perturb(key, x):
    rng = generator(key)
    x = np.array(x, float)
    rows = np.arange(len(x))
    dims = rng.integers(x.shape[1], size=len(x))
    x[rows, dims] = rng.random(len(x))
    return _canonical(x)


def _resample(key, x, num):
    out = _canonical(generator(key).random((num, len(LEVELS))))
    out[:, 0] = x[0]
    return _canonical(out)


DOMAIN = Domain(
    len(LEVELS), LEVELS, np.array([True] + [False] * 5),
    lambda key, num: _canonical(generator(key).random((num, len(LEVELS)))),
    _perturb, _activity, lambda x: [float(v) for v in np.asarray(x)[:, 0]], _resample)

GP = lambda layout, log: gp(GPConfig(
    layout, log, restarts=1, screen=2, steps=10, frequencies=32))
MODEL = lib.Model(
    log_objectives=(False, True), make=GP, tiers=(16, 32, 64),
    propose=random_and_morphs(DOMAIN, num_random=24, num_morphs=24),
    maximize=MaximizeConfig(chunk=32, rounds=1, elite=4))
BOUNDS = np.array([1.0, 100.0])
PROBLEM = Problem(tuple(BOUNDS))

SMALL = {
    'sparse': {'model': MODEL._replace(rho=0.8)},
    'qnparego': {'num_draws': 8},
    'ehvi': {'num_draws': 8, 'num_directions': 16},
    'aging_evolution': {'population': 8, 'tournament': 3},
    'nsga2': {'population': 8}}
"""What makes an algorithm cheap, beside `MODEL`."""
EVERY = pytest.mark.parametrize('name', lib.ALGORITHMS)
MODELLED = ['sparse', 'sparse_ucb', 'qnparego', 'ehvi']


def _make(name, domain=DOMAIN, problem=PROBLEM, batch=BATCH, propose=None, **rules):
    settings = {'model': MODEL} | SMALL.get(name, {})
    if propose:
        settings['model'] = settings['model']._replace(propose=propose)
    return lib.ALGORITHMS[name](
        domain, problem, batch=batch, rules=lib.Rules(**{'num_initial': 8} | rules),
        **settings)


def _objectives(x):
    size = 10 ** (2 * x[:, 5] + x[:, 1])
    return np.stack([(x[:, 2] - 0.3) ** 2 + 1 / (1 + size), size], 1)


def _evaluate(x, failed=None):
    y = _objectives(x)
    code = np.full(len(x), status.OK)
    if failed is not None:
        y[failed], code[failed] = np.nan, status.NONFINITE
    return Evaluation(y, code)


def _nothing():
    return archive.empty(DOMAIN.dim, 2)


def _run(algorithm, rounds, key, failed=None):
    state = _nothing()
    for i in range(rounds):
        x, _ = algorithm.suggest(jax.random.fold_in(key, i), state)
        state = archive.append(state, x, _evaluate(x, failed))
    return state


@EVERY
def test_suggestions_are_legal_distinct_and_new(name, key):
    algorithm = _make(name)
    state = _nothing()
    for i in range(4):
        x, info = algorithm.suggest(jax.random.fold_in(key, i), state)
        assert x.shape == (BATCH, DOMAIN.dim)
        np.testing.assert_allclose(x, _canonical(x), atol=1e-12)
        assert len(set(identity(x))) == BATCH
        assert not set(identity(x)) & set(identity(state.x))
        assert info.extra['refused'] == 0
        # Failures beside successes: the first row of each batch does not train.
        state = archive.append(state, x, _evaluate(x, [0]))
    assert state.size == 4 * BATCH


@EVERY
def test_pending_points_are_not_suggested_again(name, key):
    """An algorithm that looked at what was evaluated alone would repeat its points."""
    first, state = _make(name, batch=2), _run(_make(name, batch=8), 1, key)
    for begun in (_nothing(), state):
        pending, info = first.suggest(key, begun)
        both = archive.expect(begun, pending, begun.rounds + 1)
        # With as many rows imagined as picks of the other tests: no program is new.
        more, _ = _make(name, batch=2, pending=2).suggest(key, both)
        assert both.rounds == begun.rounds + 1 and len(both.begun) == begun.size + 2
        assert len({*identity(pending), *identity(more)}) == 4


@pytest.mark.parametrize('name', ['ehvi', 'qnparego'])
def test_what_is_pending_leaves_less_to_gain(name, key):
    """The acquisition expects of pending points what the surrogate does: the best that
    a batch of one finds is worth less once it trains."""
    state = _run(_make(name, batch=8), 1, key)
    algorithm = _make(name, batch=1, pending=3)
    best, info = algorithm.suggest(key, state)
    both = archive.expect(state, np.repeat(best, 3, axis=0), 2)
    assert info.score[0] < 0
    assert algorithm.suggest(key, both)[1].score[0] > info.score[0]


@pytest.mark.parametrize('name', sorted(set(lib.ALGORITHMS) - {'random'}))
def test_all_start_from_the_same_points(name, key):
    """Comparisons between algorithms are paired."""
    first = [_make(n).suggest(key, _nothing())[0] for n in (name, 'random')]
    np.testing.assert_array_equal(*first)


@EVERY
def test_the_key_decides(name, key):
    algorithm = _make(name)
    state = _run(algorithm, 3, key)
    before = [np.array(part) for part in state[:3]]
    first, _ = algorithm.suggest(key, state)
    again, _ = algorithm.suggest(key, state)
    np.testing.assert_array_equal(first, again)
    other, _ = algorithm.suggest(jax.random.key(99), state)
    assert not np.array_equal(first, other)
    for old, new in zip(before, state[:3]):
        np.testing.assert_array_equal(old, new)  # suggest changed nothing


@EVERY
@pytest.mark.parametrize('limit', [1, 2])
def test_batches_fall_into_few_groups(name, limit, key):
    algorithm = _make(name, max_groups=limit)
    state = _nothing()
    for i in range(4):
        x, info = algorithm.suggest(jax.random.fold_in(key, i), state)
        assert len(set(DOMAIN.group(x))) <= limit
        assert set(info.extra['groups']) == set(DOMAIN.group(x))
        state = archive.append(state, x, _evaluate(x))


@EVERY
def test_few_groups_are_new(name, key):
    algorithm = _make(name, initial_groups=2, new_groups=1)
    state, seen = _nothing(), set()
    for i in range(4):
        x, _ = algorithm.suggest(jax.random.fold_in(key, i), state)
        fresh = set(DOMAIN.group(x)) - seen
        assert len(fresh) <= (2 if i * BATCH < 8 else 1)
        seen |= fresh
        state = archive.append(state, x, _evaluate(x))


@EVERY
def test_nothing_but_failures_is_survived(name, key):
    algorithm = _make(name)
    state = _run(algorithm, 4, key, failed=slice(None))
    assert state.size == 4 * BATCH and np.isnan(state.y).all()
    x, _ = algorithm.suggest(key, state)
    assert len(set(identity(x))) == BATCH


@EVERY
def test_refused_points_are_never_suggested(name, key):
    algorithm = _make(name, refuse=lambda x: x[:, 5] > 0.5)
    state = _nothing()
    refused = 0
    for i in range(4):
        x, info = algorithm.suggest(jax.random.fold_in(key, i), state)
        assert (x[:, 5] <= 0.5).all()
        refused += info.extra['refused']
        state = archive.append(state, x, _evaluate(x))
    assert refused > 0


@EVERY
def test_an_impossible_budget_is_one_clear_line(name, key):
    algorithm = _make(name, refuse=lambda x: np.ones(len(x), bool))
    with pytest.raises(ValueError, match='limits and budgets refuse every point'):
        algorithm.suggest(key, _nothing())


def test_an_archive_grows_by_batches(key):
    x = DOMAIN.sample(key, 7)
    first = archive.append(_nothing(), x[:4], _evaluate(x[:4]))
    both = archive.append(first, x[4:], _evaluate(x[4:], [0]))
    assert (first.size, first.rounds, both.size, both.rounds) == (4, 1, 7, 2)
    np.testing.assert_array_equal(both.x, x)
    np.testing.assert_array_equal(both.measured, np.arange(7) != 4)
    np.testing.assert_array_equal(both.y[both.measured], _objectives(x)[both.measured])
    with pytest.raises(ValueError, match='3 points, 4 objectives'):
        archive.append(first, x[:3], _evaluate(x[:4]))


@pytest.fixture
def lowered():
    """Programs that JAX has lowered since the test began: of fits and of criteria."""
    events = collections.Counter()

    def listen(event, seconds, **_):
        events[event] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield lambda: events['/jax/core/compile/jaxpr_to_mlir_module_duration']
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize('name', MODELLED)
def test_one_trace_serves_a_growing_archive(name, key, lowered):
    algorithm = _make(name)
    state = _run(algorithm, 2, key)
    algorithm.suggest(key, state)
    before = lowered()
    for i in range(2):  # 8 to 16 rows: one tier
        x, _ = algorithm.suggest(jax.random.fold_in(key, i), state)
        state = archive.append(state, x, _evaluate(x))
    algorithm.suggest(key, state)
    assert lowered() == before
    jax.jit(lambda x: x + 1)(1.0)
    assert lowered() == before + 1


def test_known_objectives_replace_the_model(key):
    # With every objective known exactly and one point far better than all others in
    # the pool, the model cannot talk the search out of it.
    best = DOMAIN.sample(jax.random.key(5), 1)

    def known(x):
        y = np.ones((len(x), 2))
        y[(np.abs(x - best) < 1e-9).all(1)] = 1e-3
        return y

    propose = lambda key, state: np.concatenate([DOMAIN.sample(key, 16), best])
    algorithm = lib.sparse(
        DOMAIN, PROBLEM, batch=1, model=MODEL._replace(propose=propose),
        rules=lib.Rules(num_initial=8, facts=lambda x: Facts(
            known(x), known(x), np.ones((len(x), 2)))))
    x = DOMAIN.sample(key, 12)
    x = x[[name not in identity(best) for name in identity(x)]]
    state = archive.append(_nothing(), x, _evaluate(x))
    suggested, _ = algorithm.suggest(key, state)
    np.testing.assert_array_equal(suggested, best)


def test_scales_are_not_learned(key):
    # The second objective is wild, but exactly a half of what is known before: the
    # model has nothing to learn and the best of the pool is found at once.
    wild = lambda x: np.exp(3 * np.sin(40 * x[:, :5]).sum(1))
    facts = lambda x: Facts.nothing(len(x), 2)._replace(
        scale=np.stack([np.ones(len(x)), wild(x)], 1))
    pool = DOMAIN.sample(jax.random.key(5), 32)
    algorithm = lib.sparse(
        DOMAIN, PROBLEM, batch=1,
        model=MODEL._replace(propose=lambda key, state: pool, maximize=MaximizeConfig(
            rounds=0, children=1)),
        rules=lib.Rules(num_initial=8, facts=facts))
    x = DOMAIN.sample(key, 12)
    y = np.stack([np.full(12, 1e-6), 0.5 * wild(x)], 1)
    state = archive.append(_nothing(), x, Evaluation(y, np.zeros(12, int)))
    suggested, _ = algorithm.suggest(key, state)
    np.testing.assert_array_equal(suggested[0], pool[wild(pool).argmin()])


def test_failures_are_avoided(key):
    # Everything with x5 > 0.5 fails; the model must have noticed.
    algorithm = _make('ehvi')
    x = DOMAIN.sample(key, 16)
    failed = np.flatnonzero(x[:, 5] > 0.5)
    state = archive.append(_nothing(), x, _evaluate(x, failed))
    x, _ = algorithm.suggest(key, state)
    assert (x[:, 5] < 0.5).mean() >= 0.75


@EVERY
@pytest.mark.parametrize('grouped', [False, True])
def test_a_used_up_space_ends_and_repeats_nothing(name, grouped, key):
    """Five points in batches of two: 2, 2, 1, and then none."""
    # In the same dimensions as everywhere here: no program is new.
    points = _canonical(np.eye(6)[[5] * 5] * np.arange(0.05, 1, 0.2)[:, None])
    some = lambda key, num: points[generator(key).integers(5, size=num)]
    group = lambda x: [float(v[5] > 0.5) for v in x]
    tiny = DOMAIN._replace(
        sample=some, perturb=lambda key, x: some(key, len(x)), group=group,
        resample=lambda key, x, num: points[np.equal(group(points), group(x[None]))])
    algorithm = _make(
        name, tiny, batch=2, num_initial=2, max_groups=1 if grouped else None,
        propose=random_and_morphs(tiny, num_random=8, num_morphs=8))
    found, sizes = archive.empty(DOMAIN.dim, 2), []
    for i in range(4):
        x, _ = algorithm.suggest(jax.random.fold_in(key, i), found)
        sizes.append(len(x))
        y = np.stack([x[:, 5], 1 - x[:, 5]], 1)
        found = archive.append(found, x, Evaluation(y, np.zeros(len(x), int)))
    assert sizes == [2, 2, 1, 0]
    np.testing.assert_array_equal(found.x[found.x[:, 5].argsort()], points)


@EVERY
def test_hard_budgets_lead_inside(name, key):
    """Of what was evaluated one point in eight is within the budgets: the last batches
    are there more often than random ones, and every figure is a finite number."""
    if name == 'random':
        pytest.skip('asks no model')
    budgets = (np.inf, 30.0, 0.25)
    problem = Problem((1.0, 100.0), (), budgets)
    further = lambda x: np.abs(x[:, 2:3] - 0.5)
    def evaluate(x):
        y, more = _objectives(x), further(x)
        over = np.log(np.maximum(np.concatenate([y[:, 1:], more], 1) / budgets[1:], 1))
        excess = over.max(1)
        code = np.where(excess > 0, status.OVER_BUDGET, status.OK)
        return Evaluation(y, code, more, excess)
    algorithm = _make(name, problem=problem)
    x = DOMAIN.sample(key, 24)
    found = archive.append(archive.empty(DOMAIN.dim, 2, 1), x, evaluate(x))
    share = found.within.mean()
    for i in range(2):
        x, _ = algorithm.suggest(jax.random.fold_in(key, i), found)
        found = archive.append(found, x, evaluate(x))
    assert found.measured.all() and 0 < share < 0.6
    assert found.within[24:].mean() > share


def test_a_used_up_group_opens_another(key):
    # Three groups of two points each, batches of three, one group asked for.
    points = np.array([[g / 2, h] for g in range(3) for h in (0.0, 1.0)])
    some = lambda key, num: points[generator(key).integers(6, size=num)]
    tiny = Domain(
        2, np.array([3, 2]), np.zeros(2, bool), some,
        lambda key, x: some(key, len(x)), lambda x: np.ones(np.shape(x), bool),
        lambda x: [float(v) for v in np.asarray(x)[:, 0]],
        lambda key, x, num: points[points[:, 0] == x[0]])
    algorithm = lib.random_search(
        tiny, Problem((1.0,)), batch=3, rules=lib.Rules(max_groups=1))
    x, info = algorithm.suggest(key, archive.empty(2, 1))
    assert len(set(identity(x))) == 3 and info.extra['overflow'] == 1


def test_claimed_success_without_a_value_is_a_failure():
    state = archive.append(
        archive.empty(1, 1), np.zeros((2, 1)),
        Evaluation(np.array([[np.inf], [1.0]]), np.zeros(2, int)))
    assert state.status[0] == status.NONFINITE and np.isnan(state.y[0, 0])
    assert state.status[1] == status.OK


@pytest.mark.slow
@pytest.mark.parametrize('name', MODELLED)
def test_models_beat_random_search(name, key):
    volume = lambda s: pareto.hypervolume(s.y, BOUNDS)
    found = volume(_run(_make(name), 10, key))
    chance = np.median([
        volume(_run(_make('random'), 10, jax.random.key(s))) for s in range(5)])
    assert found > chance


def test_crowding_counts_within_a_front():
    """Of the second front both ends come first, then what is far from its neighbours
    there; the first front is close to some of them."""
    first = np.array([[0.0, 4], [1, 3], [2, 2], [3, 1], [4, 0]])
    second = np.array([[5.0, 15], [5.1, 14.9], [5.2, 14.8], [14, 6], [15, 5]])
    order = fittest(np.concatenate([second, first]), np.zeros(10)).tolist()
    assert set(order[:5]) == {5, 6, 7, 8, 9} and set(order[:2]) == {5, 9}
    # Sides of the boxes: .1 + .1 of point 1, 8.9 + 8.9 of 2, 9.8 + 9.8 of 3, by 10.
    assert set(order[5:7]) == {0, 4} and order[7:] == [3, 2, 1]
