"""Searches with rungs: continued trainings, the same however they were stopped."""

import jax
import numpy as np
import pytest

from sparse_jax.evaluation import batching
from sparse_jax.evaluation.evaluator import Evaluator
from sparse_jax.evaluation.grouping import continuing, group_trials
from sparse_jax.evaluation.recipe import template
from sparse_jax.model import weights as weight_trees
from sparse_jax.search import loop
from sparse_jax.search.planning import fresh_trials
from sparse_jax.search.references import References
from sparse_jax.space import encoding
from sparse_jax.study.lineage import latest, total_epochs
from sparse_jax.study.outcome import FINAL, Parent, Trial
from sparse_jax.study.records import PENDING, Study
from sparse_jax.training.schedules import noise_scale, penalty_coefficient
from tests import tiny_study

RUNGS = {'search__rungs': (0.25, 0.5, 1.0), 'search__rounds': 4, 'search__promote': 1.0}
"""Of two fresh points and six heirs a half would leave no fresh one at the top."""


class Killed(Exception):
    """Stands for a kill: nothing of the loop runs after it."""


@pytest.fixture(scope='module')
def setup():
    """The tiny search with rungs; it shares the compiled program of the others."""
    return tiny_study.finished().setup._replace(settings=tiny_study.settings(**RUNGS))


@pytest.fixture(scope='module')
def whole(setup, tmp_path_factory):
    study = Study(tmp_path_factory.mktemp('rungs'))
    loop.run(setup, study)
    return study


def _rows(study):
    return [tiny_study.comparable(row) for row in study.networks()]


def _assert_equal(study, whole):
    assert _rows(study) == _rows(whole)
    for row in whole.rows():
        assert tiny_study.same_weights(
            study.weights(row.trial.number), whole.weights(row.trial.number))
    assert [r.hypervolume for r in study.rounds()] == [
        r.hypervolume for r in whole.rounds()]


def test_promotions_are_trials_of_the_same_point(whole):
    rows = whole.rows()
    trials = [row.trial for row in rows]
    assert [t.number for t in trials] == list(range(len(trials)))
    fresh = [t for t in trials if t.origin is None]
    assert len(fresh) == 4 * tiny_study.BATCH and {t.rung for t in fresh} == {0}
    assert {t.rung for t in trials} == {0, 1, 2}
    for row in rows:
        trial = row.trial
        if trial.origin is not None:
            before = trials[trial.parent]
            assert before.rung == trial.rung - 1 and before.first == trial.origin
            assert rows[trial.parent].round < row.round
            np.testing.assert_array_equal(trial.row, before.row)
            assert row.point == rows[trial.parent].point
            assert whole.weights(trial.number) is not None
    # Nobody goes on twice from the same training.
    parents = [t.parent for t in trials if t.origin is not None]
    assert len(set(parents)) == len(parents)
    assert [r.info['promoted'] for r in whole.rounds()] == [
        sum(row.round == r.round and row.trial.origin is not None for row in rows)
        for r in whole.rounds()]


def test_epochs_of_the_rungs_add_up(whole):
    """Of 8 epochs 2, 2 and 4; of the 4 of an heir 1, 1 and 2."""
    rows = whole.rows()
    for row in rows:
        heir = rows[row.trial.first].trial.parent is not None
        assert row.trial.epochs == ([1, 1, 2] if heir else [2, 2, 4])[row.trial.rung]
    top = next(row.trial for row in rows if row.trial.rung == 2
               and rows[row.trial.first].trial.parent is None)
    assert total_epochs(rows, top.number) == 8


@pytest.mark.parametrize('phase, round_', [
    ('finished group', 1), ('finished round', 1), ('training', 2)])
def test_a_killed_search_resumes_to_the_same_rows(
        tmp_path, setup, whole, phase, round_):
    def kill(news):
        if (news.phase, news.round) == (phase, round_):
            raise Killed

    study = Study(tmp_path)
    with pytest.raises(Killed):
        loop.run(setup, study, kill)
    study.close()
    study = Study(tmp_path)
    loop.run(setup, study)
    _assert_equal(study, whole)


def test_the_order_in_which_trainings_end_does_not_matter(
        tmp_path, setup, whole, monkeypatch):
    real = Evaluator.evaluate

    def backwards(self, trials, *rest, **named):
        for trial in reversed(trials):
            yield from real(self, [trial], *rest, **named)

    monkeypatch.setattr(Evaluator, 'evaluate', backwards)
    study = Study(tmp_path)
    loop.run(setup, study)
    _assert_equal(study, whole)


def test_a_half_of_each_kind_goes_on(tmp_path, setup):
    """Four fresh points, then four heirs a round: of the eight that the last round has
    behind it four have gone on, of the two of these that have ended one."""
    halved = tiny_study.build(**RUNGS | {'search__batch': 4, 'search__promote': 0.5})
    study = Study(tmp_path)
    loop.run(halved._replace(evaluator=setup.evaluator), study)
    rows = study.rows()
    kinds = [[row.trial for row in rows if rows[row.trial.first].trial.is_heir == heir]
             for heir in (False, True)]
    assert [[sum(trial.rung == rung for trial in kind) for rung in range(3)]
            for kind in kinds] == [[4, 2, 1], [12, 4, 1]]
    best = sorted(range(4), key=lambda number: rows[number].error)
    assert {trial.first for trial in kinds[0] if trial.rung == 1} == set(best[:2])


def test_more_rounds_continue(tmp_path, setup, whole):
    study = Study(tmp_path)
    short = tiny_study.settings(**RUNGS | {'search__rounds': 2})
    loop.run(setup._replace(settings=short), study)
    loop.run(setup, study)
    _assert_equal(study, whole)


def test_one_rung_of_everything_is_a_search_without_rungs(tmp_path, setup):
    one = tiny_study.settings(search__rungs=(1.0,))
    study = Study(tmp_path)
    loop.run(setup._replace(settings=one), study)
    plain = Study(tiny_study.finished().workdir, create=False)
    _assert_equal(study, plain)
    assert plain.rounds()[0].info.get('promoted') is None


def test_the_total_counts_what_goes_on(tmp_path, setup):
    news = []
    loop.run(setup, Study(tmp_path), news.append)
    done = [n.done for n in news]
    assert done == sorted(done) and news[-1].done == news[-1].total == len(
        Study(tmp_path, create=False).rows())
    # Before anything went on: 8 points, of 6 later ones all twice.
    assert news[0].total == 8 + 12


def _trained(setup, trials, parents=lambda number: None):
    found = [o for some in setup.evaluator.evaluate(trials, parents) for o in some]
    return {outcome.trial.number: outcome for outcome in found}


def test_a_continued_training_starts_from_the_exact_weights(setup):
    row = tiny_study.base_row(setup.space)
    first = Trial(0, row, 6)
    before = _trained(setup, [first])[0]
    parent = Parent(encoding.graph(setup.space, row), before.weights)
    further = [Trial(1, row, 0, 0, 1, 0), Trial(2, row, 3, 0, 1, 0), Trial(3, row, 3)]
    after = _trained(setup, further, lambda number: parent)
    # No step: nothing was changed on the way in or out.
    for name in ('params', 'aux', 'stats'):
        old, new = getattr(before.weights, name), getattr(after[1].weights, name)
        assert old.keys() == new.keys()
        for node in old:
            for leaf in old[node]:
                np.testing.assert_array_equal(old[node][leaf], new[node][leaf])
    assert after[1].error == before.error and after[1].costs == before.costs
    # Where the one ended the other begins; a fresh one is elsewhere.
    ended = before.accuracy[-1]
    assert abs(after[2].accuracy[0] - ended) < abs(after[3].accuracy[0] - ended) / 4
    assert before.accuracy[0] < ended - 0.2


def test_what_goes_in_is_the_whole_posterior(setup):
    evaluator, row = setup.evaluator, tiny_study.base_row(setup.space)
    graph = encoding.graph(setup.space, row)
    weights = _trained(setup, [Trial(0, row, 1)])[0].weights
    group, = group_trials(
        [Trial(1, row, 3, 0, 1, 0)], setup.space, evaluator.policy,
        root_key=evaluator.root_key, refuses=lambda graph: False,
        parents=lambda number: Parent(graph, weights)).groups
    member, = group.members
    inherited = batching.inherit(
        group.skeleton, member,
        template(group.skeleton, evaluator.recipe))
    for name, tree in inherited.mask._asdict().items():
        exact = weight_trees.extract(group.skeleton, graph, tree)
        assert all(leaf.all() for node in exact.values() for leaf in node.values())
        assert name in ('params', 'aux', 'stats')


def test_a_continued_training_has_the_full_penalty_at_once(setup):
    row = tiny_study.base_row(setup.space)
    groups = group_trials(
        [Trial(0, row, 3), Trial(1, row, 3, 0, 1, 0), Trial(2, row, 3, 0)],
        setup.space, setup.evaluator.policy, root_key=setup.evaluator.root_key,
        refuses=lambda graph: False).groups
    fresh, further, heir = (m.candidate for m in groups[0].members)
    np.testing.assert_array_equal(
        penalty_coefficient(np.float32(0), further), further.alpha)
    assert noise_scale(np.float32(0), further) == 1
    for start in fresh, heir:
        assert penalty_coefficient(np.float32(0), start) == 0
    alike = continuing(fresh)
    assert all(np.array_equal(a, b) for a, b in zip(further, alike) if a is not None)


def test_heirs_take_the_weights_of_the_longest_training(whole, setup):
    rows = whole.rows()
    top = latest(rows)
    assert len(top) == sum(row.trial.origin is None for row in rows)
    for row in rows:
        best = next(r for r in top if r.trial.first == row.trial.first)
        assert best.trial.rung >= row.trial.rung
    point = next(row.trial.row for row in top if row.trial.rung == 2)
    heir, = fresh_trials(
        setup, point[None], 99, 4, References(setup.space, rows))
    assert rows[heir.parent].trial.number in {row.trial.number for row in top}
    assert heir.epochs == 1 and not heir.continues
    final = rows[0]._replace(trial=rows[0].trial._replace(
        number=50, rung=FINAL, origin=0))
    assert latest([*rows, final]) == top


def test_a_round_of_nothing_but_promotions(tmp_path, setup):
    """The space is used up, what it has goes on to the last rung."""
    points = setup.domain.sample(jax.random.key(5), 4)

    def suggest(key, found):
        info = setup.algorithm.suggest(key, loop.replay(setup, []))[1]
        return points[found.size:found.size + 2], info

    few = setup._replace(
        algorithm=setup.algorithm._replace(suggest=suggest),
        settings=tiny_study.settings(**RUNGS | {
            'search__rounds': 9, 'search__promote': 0.5, 'search__inherit': False}))
    study, phases = Study(tmp_path), []
    loop.run(few, study, lambda news: phases.append(news.phase))
    assert phases[-1] == 'used up'
    assert all(row.status != PENDING for row in study.rows())
    rungs = [row.trial.rung for row in study.rows()]
    assert [rungs.count(rung) for rung in range(3)] == [4, 2, 1]
