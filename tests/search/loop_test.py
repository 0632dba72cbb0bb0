"""The loop: a killed search resumes to the rows of one that was never killed."""

import shutil

import jax
import numpy as np
import pytest

from sparse_jax.evaluation.evaluator import Evaluator
from sparse_jax.objectives.goals import front_of, objectives_of
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search import algorithms, loop, planning
from sparse_jax.search.books import Books
from sparse_jax.search.planning import fresh_trials
from sparse_jax.search.references import References
from sparse_jax.space import encoding, network_file
from sparse_jax.study import checkpoints
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import PENDING, Record, Study
from sparse_jax.types import Problem
from tests import tiny_study


class Killed(Exception):
    """Stands for a kill: nothing of the loop runs after it."""


def _rows(study):
    return [tiny_study.comparable(row) for row in study.networks()]


def _killer(phase, round_=0):
    def callback(news):
        if news.phase == phase and news.round == round_:
            raise Killed
    return callback


@pytest.fixture(scope='module')
def setup():
    return tiny_study.finished().setup


@pytest.fixture(scope='module')
def whole():
    return Study(tiny_study.finished().workdir, create=False)


def _assert_equal(study, whole):
    assert _rows(study) == _rows(whole)
    for row in whole.rows():
        assert tiny_study.same_weights(
            study.weights(row.trial.number), whole.weights(row.trial.number))
    assert [r.hypervolume for r in study.rounds()] == [
        r.hypervolume for r in whole.rounds()]
    names = lambda s: sorted(
        p.name for p in (s.workdir / checkpoints.FOLDER).iterdir())
    assert names(study) == names(whole)


def test_a_search_fills_its_rounds(whole):
    rows = whole.rows()
    count = tiny_study.ROUNDS * tiny_study.BATCH
    assert [row.trial.number for row in rows] == list(range(count))
    assert all(row.ok for row in rows)
    assert len({tuple(row.trial.row) for row in rows}) == count
    # The second round inherits from the first and trains half as long.
    assert {row.trial.parent for row in rows[:2]} == {None}
    assert {row.trial.parent for row in rows[2:]} <= {0, 1}
    assert [row.trial.epochs for row in rows] == [8, 8, 4, 4]


@pytest.mark.parametrize('phase, round_', [
    ('suggesting', 0), ('training', 0), ('finished group', 0), ('finished round', 0),
    ('training', 1), ('finished group', 1)])
def test_a_killed_search_resumes_to_the_same_rows(
        tmp_path, setup, whole, phase, round_):
    study = Study(tmp_path)
    with pytest.raises(Killed):
        loop.run(setup, study, _killer(phase, round_))
    study.close()
    study = Study(tmp_path)
    loop.run(setup, study)
    _assert_equal(study, whole)


def test_a_round_killed_between_its_candidates_resumes(
        tmp_path, setup, whole, monkeypatch):
    study = Study(tmp_path)
    real = Evaluator.evaluate

    def one_by_one(self, trials, *rest, **named):
        for trial in trials:
            yield from real(self, [trial], *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, 'evaluate', one_by_one)
        with pytest.raises(Killed):
            loop.run(setup, study, _killer('finished group'))
    states = [row.status for row in study.rows()]
    assert states == ['ok', PENDING]
    loop.run(setup, study)
    _assert_equal(study, whole)


def test_a_finished_search_does_nothing_more(tmp_path, setup):
    study, calls = Study(tmp_path), []
    loop.run(setup, study)
    loop.run(setup, study, calls.append)
    assert calls == []


def test_deleted_checkpoints_come_back(tmp_path, setup):
    study = Study(tmp_path)
    loop.run(setup, study)
    folder = tmp_path / checkpoints.FOLDER
    names = {p.name for p in folder.glob('trial_*')}
    gone = sorted(int(name.removeprefix('trial_')) for name in names)[0]
    shutil.rmtree(checkpoints.path_of(tmp_path, gone))
    loop.run(setup, study)
    assert {p.name for p in folder.glob('trial_*')} == names
    assert tiny_study.same_weights(
        checkpoints.restore(tmp_path, gone), study.weights(gone))


def test_a_used_up_space_ends_the_search(tmp_path, setup):
    """Three points in batches of two: a round of two, one of one, and the end, which
    the next run finds again."""
    points = setup.domain.sample(jax.random.key(3), 3)
    some = lambda key, num: points[np.random.default_rng(
        np.asarray(jax.random.key_data(key))).integers(3, size=num)]
    algorithm = algorithms.random_search(
        setup.domain._replace(sample=some), Problem((1.0,) * 3), batch=2)
    small = setup._replace(
        algorithm=algorithm, settings=tiny_study.settings(search__rounds=9))
    study, phases = Study(tmp_path), []
    for expected in ('suggesting', 'training', 'finished group', 'finished round',
                     'suggesting', 'training', 'finished group', 'finished round',
                     'suggesting', 'used up'), ('suggesting', 'used up'):
        phases.clear()
        loop.run(small, study, lambda news: phases.append(news.phase))
        assert tuple(phases) == expected
        assert [row.round for row in study.rows()] == [0, 0, 1]
        assert len({tuple(row.trial.row) for row in study.rows()}) == 3
        assert [r.round for r in study.rounds()] == [0, 1]


def test_more_rounds_continue(tmp_path, setup, whole):
    study = Study(tmp_path)
    short = setup._replace(settings=tiny_study.settings(search__rounds=1))
    loop.run(short, study)
    assert len(study.rows()) == tiny_study.BATCH
    loop.run(setup, study)
    _assert_equal(study, whole)


def test_the_callback_hears_every_phase(tmp_path, setup):
    news = []
    loop.run(setup, Study(tmp_path), news.append)
    phases = ['suggesting', 'training', 'finished group', 'finished round']
    assert [n.phase for n in news] == phases * tiny_study.ROUNDS
    assert [n.done for n in news] == [0, 0, 2, 2, 2, 2, 4, 4]
    assert all(n.total == 4 for n in news)
    volumes = [n.hypervolume for n in news]
    assert volumes == sorted(volumes) and volumes[-1] > 0
    assert news[-1].front and news[2].outcomes


def test_the_front_has_no_network_twice(whole, setup):
    front = front_of(whole.networks(), setup.objectives)
    values = [tuple(objectives_of(row, setup.objectives)) for row in front]
    assert len(set(values)) == len(values)
    sizes = [row.costs.model_size for row in front]
    assert sizes == sorted(sizes)
    assert front_of([], setup.objectives) == []


def test_rounds_say_where_the_time_went(whole):
    records = whole.rounds()
    assert [r.programs for r in records] == [1, 0]
    for record in records:
        assert record.suggest_seconds > 0 and record.train_seconds > 0
        assert record.info['trials'] == tiny_study.BATCH
        assert record.info['wall_seconds'] > 0


def _wide(space, filters):
    """Coordinates of the tiny network with so many filters."""
    return encoding.encode(space, network_file.check(
        space, tiny_study.POINT | {'num-filters-block-1-layer-1': filters}))


def _row(number, space, filters, error, cost, name='ok'):
    costs = Totals(cost, cost, cost, cost)
    return Record(Trial(number, _wide(space, filters), 8), 0, name, {}, error, costs,
               costs, 0.1)


def _heirs(setup, round_, **changes):
    """(parent, epochs) of a network of 8 filters in a round after five rows."""
    space = setup.space
    rows = [
        _row(0, space, 6, 0.3, 100), _row(1, space, 8, 0.1, 4, 'empty'),
        _row(2, space, 7, 0.5, 200), _row(3, space, 8, None, 9, 'out-of-memory'),
        _row(4, space, 2, 0.9, 50)]
    changed = tiny_study.settings(search__stages=(2, 4), **changes)
    points = np.stack([_wide(space, 8), _wide(space, 2)])
    first, second = fresh_trials(
        setup._replace(settings=changed), points, 10, round_,
        References(space, rows))
    assert (first.number, second.number) == (10, 11)
    np.testing.assert_array_equal(first.row, points[0])
    return first.parent, first.epochs


def test_parents_are_networks_that_something_is_left_of(setup):
    """Of those with weights, trial 2 covers most; only trials 0 and 4 are on the
    front."""
    assert [_heirs(setup, round_) for round_ in (1, 2, 3)] == [(2, 4)] * 3
    assert _heirs(setup, 4) == (0, 4)
    assert _heirs(setup, 1, search__inherit=False) == (None, 8)
    assert _heirs(setup, 1, search__min_overlap=0.9) == (None, 8)
    assert _heirs(setup, 1, search__child_epochs=0.01) == (2, 1)


def test_every_round_is_suggested_with_its_own_key(setup):
    keys = []

    def suggest(key, state):
        keys.append(jax.random.key_data(key))
        return setup.algorithm.suggest(key, state)

    patched = setup._replace(algorithm=setup.algorithm._replace(suggest=suggest))
    books = Books(setup)
    for round_ in (0, 1, 2, 1):
        planning.plan(patched, books, round_, 0)
    stream = jax.random.fold_in(setup.root_key, planning.SUGGEST_STREAM)
    expected = [jax.random.key_data(jax.random.fold_in(stream, r)) for r in range(3)]
    np.testing.assert_array_equal(keys, [*expected, expected[1]])
    assert len({tuple(key.tolist()) for key in expected}) == 3
