"""A lag: rounds are suggested beside trainings, from what round numbers say is known.

Nothing is trained: an evaluator makes outcomes up, each a function of its trial.
"""

import threading

import numpy as np
import pytest

from benchmarks.overlap import MadeUp
from sparse_jax.search import loop
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.records import Study
from tests import tiny_study

BATCH, ROUNDS = 3, 4
PLAIN = {'search__rounds': ROUNDS, 'search__batch': BATCH, 'search__initial': BATCH,
         'search__min_overlap': 0.1, 'runtime__weights': 'needed'}
KINDS = {'rungs': {'search__rungs': (0.25, 1.0)},
         'stages': {'search__stages': (1, 2)},
         'end': {'search__final_share': 0.5, 'search__finals': 2}}


class Killed(Exception):
    """Stands for a kill: nothing of the loop runs after it."""


@pytest.fixture(autouse=True)
def no_checkpoints(monkeypatch):
    """Made up networks need no copies beside the study."""
    monkeypatch.setattr(loop.checkpoints, 'sync_front', lambda *_: None)


class Heard(list):
    """[(round, thread, archive)] of what a search was asked to suggest."""

    def around(self, setup, begun=lambda round_: None):
        def suggest(key, found):
            begun(found.rounds)
            self.append((found.rounds, threading.current_thread().name, found))
            return setup.algorithm.suggest(key, found)

        return setup._replace(algorithm=setup.algorithm._replace(suggest=suggest))


@pytest.fixture(scope='module')
def built():
    """Evolution, which looks at what was evaluated, and costs nothing."""
    return tiny_study.build(
        search__algorithm='nsga2', search__lag=1, **PLAIN)


def _setup(built, gate=lambda: None, **changes):
    settings = tiny_study.settings(
        search__algorithm='nsga2', **{'search__lag': 1} | PLAIN | changes)
    return built._replace(settings=settings, evaluator=MadeUp(built.space, gate))


def _run(setup, folder, callback=lambda news: None):
    heard, study = Heard(), Study(folder)
    try:
        loop.run(heard.around(setup), study, callback)
    finally:
        rows = [tiny_study.comparable(row) for row in study.networks()]
        kept = study.stored_weights()
        study.close()
    return rows, kept, heard


def test_a_round_is_suggested_before_the_one_before_it_has_trained(built, tmp_path):
    """Trainings do not end before the next suggestion has begun: with a search that
    waits for them this would wait for ever."""
    events, begun = [], {round_: threading.Event() for round_ in range(ROUNDS)}

    def gate():
        round_ = len([e for e in events if e.startswith('trained')])
        if round_ + 1 < ROUNDS:
            assert begun[round_ + 1].wait(20)
        events.append(f'trained {round_}')

    def begins(round_):
        events.append(f'suggest {round_}')
        begun[round_].set()

    study, heard = Study(tmp_path), Heard()
    loop.run(heard.around(_setup(built, gate), begins), study)
    study.close()
    assert events == ['suggest 0', *(
        line for i in range(ROUNDS - 1) for line in (f'suggest {i + 1}', f'trained {i}')
    ), f'trained {ROUNDS - 1}']
    names = [name for _, name, _ in heard]
    assert names[0] == threading.current_thread().name
    assert all(name.startswith('suggest') for name in names[1:])


def test_programs_of_a_plan_are_asked_for_while_the_round_before_it_trains(
        built, tmp_path):
    events = []

    class Asked(MadeUp):
        def prefetch(self, trials):
            events.append(('asked for', *(trial.number for trial in trials)))
            asked.set()

        def evaluate(self, trials, parents, announce):
            yield from super().evaluate(trials, parents, announce)
            events.append(('trained', *(trial.number for trial in trials)))

    asked, study = threading.Event(), Study(tmp_path)

    def gate():
        if len(events) < 2 * ROUNDS - 2:
            assert asked.wait(20)
            asked.clear()

    loop.run(_setup(built)._replace(evaluator=Asked(built.space, gate)), study)
    study.close()
    rounds = [tuple(range(BATCH * i, BATCH * (i + 1))) for i in range(ROUNDS)]
    assert events[:-1] == [
        (what, *numbers) for before, after in zip(rounds, rounds[1:])
        for what, numbers in (('asked for', after), ('trained', before))]
    assert events[-1] == ('trained', *rounds[-1])


def test_what_is_known_follows_from_the_numbers_of_rounds(built, tmp_path):
    rows, _, heard = _run(_setup(built), tmp_path)
    points = lambda *rounds: np.array([
        row.trial.row for row in rows
        if row.round in rounds and row.offset is None]).reshape(-1, built.domain.dim)
    assert [round_ for round_, _, _ in heard] == list(range(ROUNDS))
    for round_, _, found in heard:
        np.testing.assert_array_equal(found.x, points(*range(round_ - 1)))
        np.testing.assert_array_equal(found.pending, points(round_ - 1))
    assert len({row.trial.row for row in rows}) == ROUNDS * BATCH
    parents = {row.trial.parent: row.round for row in rows}
    rounds = {row.trial.number: row.round for row in rows}
    heirs = [(rounds[parent], round_) for parent, round_ in parents.items()
             if parent is not None]
    assert heirs and all(before <= round_ - 2 for before, round_ in heirs)


def test_without_a_lag_everything_is_known_and_no_thread_is_used(built, tmp_path):
    rows, _, heard = _run(_setup(built, search__lag=0), tmp_path)
    assert {name for _, name, _ in heard} == {threading.current_thread().name}
    for round_, _, found in heard:
        assert found.rounds == round_ and not len(found.pending)
        assert found.size == round_ * BATCH
    assert max(row.round for row in rows) == ROUNDS - 1


def _assert_same(one, other):
    assert one[:2] == other[:2]


@pytest.mark.parametrize('kind', KINDS)
def test_a_killed_search_goes_on_to_the_same_rows(built, tmp_path, kind):
    """Killed in every phase of a round, one after the other, in the middle of its
    trainings too; what weights are kept is the same as well."""
    setup = _setup(built, **KINDS[kind])
    whole = _run(setup, tmp_path / 'whole')
    trials = [row.trial for row in whole[0] if row.offset is None]
    assert kind != 'rungs' or any(t.rung == 1 for t in trials)
    assert kind != 'end' or any(t.rung == FINAL for t in trials)
    kills = [(phase, round_) for round_ in (1, 2) for phase in (
        'suggesting', 'training', 'finished group')]
    left = list(kills)

    def kill(news):
        if left and (news.phase, news.round) == left[0]:
            left.pop(0)
            raise Killed

    while left:
        before = len(left)
        try:
            killed = _run(setup, tmp_path / 'killed', kill)
        except Killed:
            assert len(left) == before - 1
            continue
        # A search that has ended early has no such phase.
        assert left == kills[-len(left):] and kind == 'end'
        left.clear()
    killed = _run(setup, tmp_path / 'killed')
    _assert_same(killed, whole)


def test_more_rounds_continue_as_if_they_had_been_asked_for(built, tmp_path):
    whole = _run(_setup(built), tmp_path / 'whole')
    _run(_setup(built, search__rounds=2), tmp_path / 'short')
    _run(_setup(built, search__rounds=3), tmp_path / 'short')
    _assert_same(_run(_setup(built), tmp_path / 'short'), whole)


def test_what_goes_wrong_beside_a_training_ends_the_search_after_it(built, tmp_path):
    setup, study, phases = _setup(built), Study(tmp_path), []

    def begins(round_):
        if round_ == 2:
            raise ArithmeticError('no')

    with pytest.raises(ArithmeticError, match='no'):
        loop.run(Heard().around(setup, begins), study,
                 lambda news: phases.append((news.phase, news.round)))
    assert phases[-2:] == [('finished round', 1), ('suggesting', 2)]
    assert not study.pending() and len(study.rounds()) == 2
    loop.run(setup, study)
    assert len(study.rounds()) == ROUNDS
    study.close()
