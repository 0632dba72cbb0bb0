"""What is trained again at the end, and that it is a part of the search."""

import dataclasses

import numpy as np
import pytest

from sparse_jax.objectives.goals import Objectives
from sparse_jax.search import clock, finals, loop
from sparse_jax.search.clock import Clock, End
from sparse_jax.settings.groups import Search, Settings
from sparse_jax.study.finals import chosen, ranking
from sparse_jax.study.names import FINALS
from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.records import Study
from sparse_jax.train_config import TrainConfig
from tests import tiny_study
from tests.study.finals_test import row

AIMS = Objectives(bounds=(0.1, 100.0, 100.0))
SEARCHED = [row(0, 0.3), row(1, 0.1), row(2, 0.2), row(3, 0.01, size=500),
            row(0, 0.05, offset=-1.0)]


def _plan(seconds=None, networks=SEARCHED, epochs=4, at_once=1.0, **search):
    search = {'final_share': 0.5, 'finals': 2, 'final_starts': 4, 'final_epochs': 1,
              **search}
    settings = Settings(train=dataclasses.replace(TrainConfig(), epochs=epochs),
                        search=Search(**search))
    planned = finals.plan(networks, settings, AIMS, seconds, 7, at_once)
    return [(t.number, t.first, t.parent, t.epochs) for t, _ in planned]


def test_the_best_points_go_on_and_start_afresh():
    """Trial 0 by its other cut, then trial 1; trial 3 is too large."""
    assert _plan() == [
        (7, 0, 0, 1), (8, 0, 0, 1), (9, 0, None, 1), (10, 0, None, 1),
        (11, 1, 1, 1), (12, 1, 1, 1), (13, 1, None, 1), (14, 1, None, 1)]
    assert [p[2] for p in _plan(finals=1, final_starts=3)] == [0, None, None]
    assert [p[2] for p in _plan(finals=1, final_starts=1)] == [0]
    assert _plan(networks=[SEARCHED[3]]) == []


@pytest.mark.parametrize('share, starts, expected', [
    # Four trainings of 4 epochs were the first half: 16 epochs.
    (0.5, 4, [1] * 8), (0.5, 16, [1] * 16), (0.5, 9, [1] * 9),
    # A third of all: 8 epochs, one network of 4 starts and 2 epochs.
    (1 / 3 + 1e-9, 8, [1] * 8)])
def test_without_a_clock_epochs_are_shared(share, starts, expected):
    assert [p[3] for p in _plan(final_share=share, final_starts=starts)] == expected


def test_with_a_clock_seconds_are_shared():
    """An epoch took a quarter of a second, that of four starts one."""
    count = lambda seconds, **more: len(_plan(seconds, **more))
    assert count(2.0) == 8 and count(1.9) == 4 and count(1.0) == 4
    # Less than one network needs: fewer epochs, not below those of the search.
    assert [p[3] for p in _plan(7.5, final_epochs=20)] == [7] * 4
    assert [p[3] for p in _plan(-3.0, final_epochs=20)] == [4] * 4


def test_trainings_that_took_no_time_are_no_division():
    free = [row._replace(train_seconds=0.0) for row in SEARCHED]
    assert _plan(seconds=-1.0, networks=free) == []


def test_past_a_network_that_is_too_slow_there_are_others():
    """An epoch of point 1, the second best, takes two seconds in place of a quarter."""
    networks = [r._replace(train_seconds=8.0 * r.train_seconds)
                if r.trial.number == 1 else r for r in SEARCHED]
    firsts = lambda seconds: [p[1] for p in _plan(
        seconds, networks=networks, finals=3)][::4]
    assert firsts(2.0) == [0, 2] and firsts(9.0) == [0, 1] and firsts(10.0) == [0, 1, 2]
    # Were the best as slow, it would be trained for less, not left out.
    slow = [r._replace(train_seconds=8.0 * r.train_seconds) for r in SEARCHED[::4]]
    assert [p[1:] for p in _plan(9.0, networks=[*slow, SEARCHED[2]], final_epochs=20)
            ] == [(0, 0, 4), (0, 0, 4), (0, None, 4), (0, None, 4)]


def test_what_is_left_goes_to_further_networks():
    """After four trainings of 3 epochs of point 0; point 1 is next, point 3 too large.
    """
    begun = [*SEARCHED, *(row(7 + i, 0.1, first=0, final=True, round_=1)._replace(
        trial=Trial(7 + i, np.zeros(2), 3, None, FINAL, 0)) for i in range(4))]
    plan = lambda *given, **more: [
        p[1:] for p in _plan(*given, networks=begun, **more)]
    # Four trainings of 3 epochs. A quarter of a second each in the search, those of the
    # end took a third: the next ones are expected to.
    next_one = [(1, 1, 3), (1, 1, 3), (1, None, 3), (1, None, 3)]
    assert plan(4.01) == next_one and plan(3.9) == [] and plan(1e6, finals=1) == []
    assert plan(2.01, at_once=2.0) == next_one and plan(1.9, at_once=2.0) == []
    # 24 of the 16 / (1 - 0.6) epochs are the end's, 12 of them are used.
    assert plan(final_share=0.601) == next_one and plan(final_share=0.599) == []


def test_trainings_side_by_side_are_counted():
    """Four of one second each; the rounds before and other cuts do not count."""
    ended = [*SEARCHED, *(row(i, 0.1, first=0, final=True, round_=2, offset=offset)
                          for i in (7, 8, 9, 10) for offset in (None, 1.0))]
    assert finals.side_by_side(ended, 2.5) == 1.6
    assert finals.side_by_side(ended, 9.0) == 1.0 == finals.side_by_side(ended, 0.0)


def test_a_second_end_goes_on_from_trainings_of_the_search():
    again = [*SEARCHED, row(5, 0.01, first=2, final=True, round_=1),
             row(6, 0.9, round_=2)]
    assert [p[1:3] for p in _plan(networks=again, finals=1)] == [
        (0, 0), (0, 0), (0, None), (0, None)]


def test_programs_train_as_long_as_the_end_needs():
    train = dataclasses.replace(TrainConfig(), epochs=10)
    most = lambda **search: finals.most_epochs(
        Settings(train=train, search=Search(**search)))
    assert most() == 10 == most(final_epochs=50) == most(
        final_share=0.1, final_epochs=3)
    assert most(final_share=0.1) == 20 and most(
        final_share=0.1, final_epochs=50) == 50


def test_the_end_takes_its_share_of_the_rounds_or_of_the_minutes():
    most = lambda *given: Search(rounds=given[0], final_share=given[1]).most_rounds
    assert [most(10, s) for s in (0.0, 0.2, 0.25, 0.99)] == [10, 8, 8, 1]
    rounds = [clock.RoundRecord(i, 1.0, 0.0, 0.0, 0, 1.0, {clock.SECONDS: at})
              for i, at in enumerate((40.0, 80.0))]
    ending = lambda seconds, share: clock.ending(
        Search(rounds=99, max_minutes=2.5, final_share=share), rounds, seconds)
    assert ending(80.0, 0.0) is None and ending(80.0, 0.2) is None
    assert ending(80.0, 0.25) == End(2, 'max_minutes', 2.5)
    # The end itself is no round, nor are its seconds those of one.
    last = clock.RoundRecord(2, 0.0, 0.0, 0.0, 0, 1.0, {
        clock.SECONDS: 200.0, FINALS: 8})
    after = clock.RoundRecord(3, 1.0, 0.0, 0.0, 0, 1.0, {clock.SECONDS: 210.0})
    assert clock.durations([*rounds, last, after]) == [40.0, 40.0, 10.0]
    assert clock.ending(Search(rounds=2), [*rounds, last], 0.0).rounds == 2


CHANGES = {'search__final_share': 0.61, 'search__finals': 1, 'search__final_starts': 2,
           'search__final_epochs': 12, 'search__rounds': 2,
           # Everything that the tiny search finds is within these.
           'objectives__model_size': 1000, 'objectives__working_memory': 1000}


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
    """(setup, study, what was told) of a tiny search with an end."""
    setup, told = tiny_study.build(**CHANGES), []
    study = Study(tmp_path_factory.mktemp('ended'))
    loop.run(setup, study, told.append)
    yield setup, study, told
    study.close()


def test_an_end_is_a_round_of_finals(ended):
    setup, study, told = ended
    rows = study.rows()
    # One round of two candidates; the second one is the end's.
    assert [r.trial.rung for r in rows] == [0, 0, FINAL, FINAL]
    assert [r.trial.epochs for r in rows] == [8, 8, 12, 12]
    best = chosen(study.networks({0, 1}), setup.objectives)
    first = best.trial.number
    assert [r.trial.parent for r in rows[2:]] == [first, None]
    assert [r.trial.origin for r in rows[2:]] == [first, first]
    assert all(r.trained for r in rows)
    assert [r.info.get(FINALS) for r in study.rounds()] == [None, 2]
    assert all(len(study.learning(n).epoch) == 12 for n in (2, 3))
    assert [news.finals for news in told if news.phase == 'finished group'
            ] == [False, True]
    assert told[-1].done == told[-1].total == 4


def test_the_chosen_network_is_of_the_end(ended):
    setup, study, _ = ended
    final, = ranking(study.networks(), setup.objectives)
    assert len(final.starts) == 2 and final.networks
    named = chosen(study.networks(), setup.objectives)
    assert named == final.networks[0] and named.trial.rung == FINAL
    assert final.error == pytest.approx(np.mean([r.error for r in final.networks]))


def test_trainings_before_the_end_are_those_of_a_search_without_one(ended):
    """Although its programs are made for longer trainings."""
    _, study, _ = ended
    whole = Study(tiny_study.finished().workdir, create=False)
    for number in (0, 1):
        assert tiny_study.same_weights(study.weights(number), whole.weights(number))


@pytest.mark.parametrize('phase', ['training', 'finished group'])
def test_a_search_killed_at_its_end_resumes_to_the_same(tmp_path, ended, phase):
    setup, whole, _ = ended
    study = Study(tmp_path)
    tiny_study.killed_at_its_end(setup, study, phase)
    assert [tiny_study.comparable(r) for r in study.networks()] == [
        tiny_study.comparable(r) for r in whole.networks()]
    calls = []
    loop.run(setup, study, calls.append)
    assert calls == []


def test_a_search_goes_on_after_its_end_and_has_another(tmp_path, ended):
    setup, whole, _ = ended
    study = Study(tmp_path)
    loop.run(setup, study)
    longer = setup._replace(settings=tiny_study.settings(
        **CHANGES | {'search__rounds': 4}))
    loop.run(longer, study)
    assert [r.info.get(FINALS) for r in study.rounds()] == [None, 2, None, 2]
    # The end is no round: the point of a final is seen once, as the search had it.
    assert loop.replay(setup, study.networks()).size == 4
    fresh = [r for r in study.rows() if r.round == 2]
    assert [r.trial.number for r in fresh] == [4, 5]


def test_the_clock_decides_how_many_finals_there_are(tmp_path, ended):
    setup = ended[0]
    times = iter(np.arange(0.0, 1e6, 0.01))
    timed = setup._replace(settings=tiny_study.settings(
        **CHANGES | {'search__max_minutes': 1.0, 'search__rounds': 1,
                     'search__finals': 2}))
    study = Study(tmp_path)
    loop.run(timed, study, timer=Clock(study, now=lambda: float(next(times))))
    assert [r.info.get(FINALS) for r in study.rounds()] == [None, 4]
