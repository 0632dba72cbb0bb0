"""Dropped weights: nobody asks for them, and a search is the same without them."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax.model.extents import extent, overlap
from sparse_jax.objectives.goals import front_of
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search import finals, loop, thinning
from sparse_jax.search.planning import continued_trials, fresh_trials
from sparse_jax.search.promotions import Promotions
from sparse_jax.search.references import References
from sparse_jax.search.standing import Standing
from sparse_jax.space import encoding
from sparse_jax.study import front
from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.records import PENDING, Record, Study, StudyError
from tests import tiny_study

BATCH, CUTS = 6, (-1.0, 1.0)
PLAIN = {}
KINDS = {
    'plain': PLAIN,
    'fresh': {'search__inherit': False},
    'stages': {'search__stages': (3, 6)},
    'rungs': {'search__rungs': (0.25, 0.5, 1.0)},
    'stages and rungs': {'search__stages': (3, 6), 'search__rungs': (0.5, 1.0)},
    'end': {'search__final_share': 0.5, 'search__rungs': (0.5, 1.0)},
}


@pytest.fixture(scope='module')
def built():
    return tiny_study.build()


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """So that little is kept for its figures alone."""
    monkeypatch.setattr(thinning, 'BEST', 1)


def _settings(**changes):
    return tiny_study.settings(
        search__batch=BATCH, search__finals=1, search__min_overlap=0.2, **changes)


def _points(built, seed, count):
    """Points of few structures, as searches propose them."""
    rng = np.random.default_rng(seed)
    bases = built.domain.sample(jax.random.key(7), 3)
    rows = [built.domain.resample(jax.random.key(seed * 100 + i),
                                  bases[rng.integers(len(bases))], 1)
            for i in range(count)]
    return encoding.canonical(built.space, np.concatenate(rows))


def _trained(rng, trial, round_):
    """Made up networks of a trial, at its own cut and at others."""
    def record(offset):
        costs = Totals(*map(int, rng.integers(50, 3000, 4)))
        status = rng.choice(['ok'] * 8 + ['over budget', 'empty'])
        return Record(trial, round_, status, {}, float(rng.integers(1, 60)) / 64,
                      costs, Totals(*[4000] * 4), 1.0, offset)
    if rng.random() < 0.1:
        failed = Record(trial, round_, 'diverged', {}, None, None, None, None)
        return [failed]
    return [record(None), *(record(cut) for cut in CUTS)]


def _search(built, settings, seed, rounds=9):
    """Rounds of a made up search: yields (networks so far, trials of the next round,
    next round)."""
    built = built._replace(settings=settings)
    rng, networks = np.random.default_rng(seed), []
    for round_ in range(rounds):
        number = len({row.trial.number for row in networks})
        rows = [row for row in networks if row.offset is None]
        points = _points(built, seed * 50 + round_, BATCH)
        trials = fresh_trials(
            built, points, number, round_, References(built.space, rows))
        trials += [trial for trial, _ in continued_trials(
            built, Promotions(settings.search, built.sought, networks),
            number + len(trials))]
        # A study may go on after its end.
        if round_ == rounds - 3 and settings.search.final_share:
            trials = [trial for trial, _ in finals.plan(
                networks, settings, built.objectives, None, number)]
        yield networks, trials, round_
        networks = networks + [
            row for trial in trials for row in _trained(rng, trial, round_)]
    yield networks, [], rounds


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_dropped_is_never_asked_for(built, kind):
    """Over whole searches: parents, promotions, the end, the front and the best."""
    settings, dropped, asked = _settings(**KINDS[kind]), 0, 0
    for seed in range(3):
        stored, known = set(), set()
        standing = Standing(built.objectives, best=thinning.kept_best(settings.search))
        needs = thinning.Needs(settings.search, standing, References(built.space))
        for networks, trials, round_ in _search(built, settings, seed):
            rows = [row for row in networks if row.offset is None]
            stored |= {row.trial.number for row in rows
                       if row.trained and row.trial.number not in known}
            fresh = [r for r in networks if r.trial.number not in known]
            known = {row.trial.number for row in rows}
            parents = {t.parent for t in trials} - {None}
            assert parents <= stored
            asked += len(parents)
            needed = thinning.needed(built.space, networks, settings.search,
                                     built.objectives, round_)
            # Trial by trial it is the same.
            standing.add(fresh)
            needs.add(fresh)
            assert needs.numbers(round_) == needed
            front_ = {row.trial.number for row in front_of(networks, built.objectives)}
            best = finals.best(networks, built.objectives)[:1]
            ends = {row.trial.number for row in rows
                    if row.trained and row.trial.rung == FINAL}
            assert front_ | {row.trial.number for row in best} | ends <= stored
            # What is not needed once never is again.
            assert needed & {r.trial.number for r in rows if r.trained} <= stored
            dropped += len(stored - needed)
            stored &= needed
    assert dropped > 12
    assert asked or kind == 'fresh'


def test_the_rule_drops_nothing_that_is_needed_by_hand(built):
    """Each clause alone."""
    row = built.domain.sample(jax.random.key(1), 1)[0]
    objectives = built.objectives

    def record(number, error, size, *, status='ok', rung=0, origin=None, parent=None):
        costs = Totals(*[size] * 4)
        trial = Trial(number, row, 8, parent, rung, origin)
        good = status == 'ok'
        return Record(trial, 0, status, {}, error if good else None,
                      costs if good else None, costs, 1.0)

    needed = lambda networks, **changes: thinning.needed(
        built.space, networks, _settings(**changes).search, objectives, 1)
    # The best; on the front for its size; neither, and covered by the best.
    rows = [record(0, 0.1, 90), record(1, 0.5, 50), record(2, 0.6, 99)]
    assert needed(rows) == {0, 1}
    assert needed(rows, search__inherit=False) == {0, 1}
    # At another cut than its own.
    curve = rows[2]._replace(offset=1.0, error=0.55, costs=Totals(*[20] * 4))
    assert needed([*rows, curve]) == {0, 1, 2}
    # A training of the end; the parent of one that has not been trained yet.
    assert needed([*rows, record(3, 0.9, 99, rung=FINAL, origin=0)]) == {0, 1, 3}
    assert needed([*rows, record(3, 0, 1, status=PENDING, parent=2)]) == {0, 1, 2}
    # May go on; has gone on.
    rungs = {'search__rungs': (0.5, 1.0)}
    assert needed(rows, **rungs) == {0, 1, 2}
    longer = record(3, 0.05, 40, rung=1, origin=2, parent=2)
    assert needed([*rows, longer], **rungs) == {0, 1, 3}


def test_a_larger_extent_overlaps_at_least_as_much(built):
    rows = np.concatenate([_points(built, 1, 24), built.domain.sample(
        jax.random.key(3), 12)])
    graphs = encoding.graphs(built.space, rows)
    extents, pairs = [extent(graph) for graph in graphs], 0
    for small, less in zip(graphs, extents):
        for large, more in zip(graphs, extents):
            if small is large or less[:2] != more[:2] or not (
                    more.sizes >= less.sizes).all():
                continue
            pairs += 1
            assert all(overlap(child, large) >= overlap(child, small)
                       for child in graphs)
    assert pairs > 20


def test_the_parent_among_the_uncovered_is_the_parent_among_all(built):
    rng, points = np.random.default_rng(0), _points(built, 5, 60)
    rows = [Record(Trial(i, point, 8), 0, 'ok', {}, float(rng.integers(1, 9)) / 8,
                   Totals(1, 1, 1, 1), Totals(1, 1, 1, 1), 1.0)
            for i, point in enumerate(points)]
    # A standing that knows of nothing: only what may be inherited counts.
    needs = thinning.Needs(
        _settings().search, Standing(built.objectives), References(built.space))
    for start in range(0, 60, 7):
        needs.add(rows[start:start + 7])
    few = [row for row in rows if row.trial.number in needs.numbers(1)]
    assert 0 < len(few) < 40
    for child in _points(built, 6, 30):
        for share in (0.0, 0.6):
            assert References(built.space, few).parent_of(
                child, min_overlap=share) == needs.references.parent_of(
                    child, min_overlap=share)


class Killed(Exception):
    """Stands for a kill: nothing of the loop runs after it."""


def _stored(study):
    found = set()
    for row in study.rows():
        try:
            study.weights(row.trial.number)
            found.add(row.trial.number)
        except StudyError as error:
            assert f'trial {row.trial.number}: its weights were dropped' in str(error)
    return found


@pytest.fixture(scope='module')
def thinned(tmp_path_factory):
    """The tiny search with more rounds: (setup, study that keeps all, one thinned)."""
    setup = tiny_study.finished().setup
    both = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning, 'BEST', 1)
        for kept in ('all', 'needed'):
            built = setup._replace(settings=tiny_study.settings(
                search__rounds=4, search__finals=1, runtime__weights=kept))
            study = Study(tmp_path_factory.mktemp(kept))
            loop.run(built, study)
            both.append(study)
    return built, *both


def test_a_thinned_search_equals_one_that_keeps_all(thinned):
    _, whole, study = thinned
    rows = lambda s: [tiny_study.comparable(row) for row in s.networks()]
    assert rows(study) == rows(whole)
    assert [r.hypervolume for r in study.rounds()] == [
        r.hypervolume for r in whole.rounds()]
    stored = _stored(study)
    assert len(_stored(whole)) == 8 > len(stored)
    for number in stored:
        assert tiny_study.same_weights(study.weights(number), whole.weights(number))


def test_a_study_from_before_the_rule_loses_nothing(tmp_path, thinned):
    built, whole, _ = thinned
    study = Study(tmp_path / 'old')
    loop.run(built._replace(settings=tiny_study.settings(
        search__rounds=1, runtime__weights='all')), study)
    before = _stored(study)
    loop.run(built, study)
    assert before < _stored(study) == _stored(whole)
    study.close()


@pytest.mark.parametrize('phase, round_', [
    ('finished group', 1), ('finished round', 2), ('suggesting', 3)])
def test_a_killed_search_drops_the_same(tmp_path, thinned, phase, round_):
    built, _, whole = thinned

    def callback(news):
        if (news.phase, news.round) == (phase, round_):
            raise Killed

    study = Study(tmp_path)
    with pytest.raises(Killed):
        loop.run(built, study, callback)
    study.close()
    study = Study(tmp_path)
    assert study.damage == []
    loop.run(built, study)
    assert _stored(study) == _stored(whole)


def test_a_dropped_network_is_one_line(thinned):
    built, _, study = thinned
    kept = _stored(study)
    row = next(row for row in study.rows() if row.trial.number not in kept)
    with pytest.raises(StudyError, match=r'were dropped.*; allowed: a network of the '
                                         r'front') as caught:
        front.member(study, built.space, row, built.dataset,
                     built.evaluator.recipe.method)
    assert '\n' not in str(caught.value)


def test_keeping_all_again_is_allowed(thinned):
    """What is kept is a setting of the machine: a study goes on with another."""
    built, _, study = thinned
    before = _stored(study)
    again = dataclasses.replace(built.settings, runtime=dataclasses.replace(
        built.settings.runtime, weights='all'))
    loop.run(built._replace(settings=again), study)
    assert _stored(study) == before
