"""What ends a search: rounds, minutes over all sessions, rounds without a gain."""

import dataclasses

import jax
import pytest

from sparse_jax.search import clock, loop
from sparse_jax.search.clock import Clock, End
from sparse_jax.settings.groups import Search
from sparse_jax.study.names import FINALS
from sparse_jax.study.record import RoundRecord
from sparse_jax.study.records import Study
from tests import tiny_study


def _rounds(*volumes, ends=()):
    """Rounds with these hypervolumes, that had finished at these seconds."""
    infos = [{clock.SECONDS: at} for at in ends] or [{}] * len(volumes)
    return [RoundRecord(i, 1.0, 0.0, 0.0, 0, v, info)
            for i, (v, info) in enumerate(zip(volumes, infos))]


class Hand:
    """A clock that is set by hand."""

    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


def test_durations_are_differences_of_the_clock_or_what_was_measured():
    assert clock.durations(_rounds(1, 2, 3, ends=(40, 50, 75))) == [40, 10, 25]
    old = _rounds(1, 2)
    old[1] = old[1]._replace(info={'wall_seconds': 6.5})
    assert clock.durations(old) == [1.0, 7.5]
    assert clock.durations([*old, RoundRecord(2, 9.0, None, None, None, None, {})]
                           ) == [1.0, 7.5]
    # The end of a search is a round for those who look at the whole of it.
    rounds = _rounds(1, 2, 3, ends=(40, 50, 75))
    rounds[2] = rounds[2]._replace(info=rounds[2].info | {FINALS: 4})
    assert clock.durations(rounds) == [40, 10]
    assert clock.durations(rounds, ends=True) == [40, 10, 25]


def test_the_next_round_takes_as_long_as_the_longest_of_the_last_three():
    assert clock.seconds_of_next([]) == 0.0
    rounds = _rounds(1, 2, 3, 4, 5, ends=(100, 120, 150, 190, 200))
    assert [clock.seconds_of_next(rounds[:n]) for n in range(1, 6)] == [
        100, 100, 100, 40, 40]


def test_what_is_left_follows_from_the_last_rounds_and_the_clock():
    rounds = _rounds(1, 2, 3, 4, ends=(100, 120, 150, 190))
    left = lambda seconds, **search: clock.seconds_left(
        Search(**search), rounds, seconds)
    # Thirty seconds of a round on average, ten of the next have gone by.
    assert left(190.0, rounds=6) == 60.0 and left(200.0, rounds=6) == 50.0
    assert left(500.0, rounds=6) == 0.0 == left(190.0, rounds=4)
    assert left(190.0, rounds=1000, max_minutes=4.0) == 50.0
    assert left(250.0, rounds=1000, max_minutes=4.0) == 0.0


def test_more_minutes_are_shared_as_the_first_ones_were():
    """Twelve minutes of rounds and eight of finals; of five minutes more three are for
    rounds."""
    rounds = _rounds(*range(1, 14), ends=[60 * i for i in range(1, 13)] + [1200])
    rounds[12] = rounds[12]._replace(info=rounds[12].info | {FINALS: 4})
    search = Search(rounds=1000, max_minutes=25.0, final_share=0.4)
    assert clock.ending(search, rounds, 1200.0) is None
    assert clock.seconds_left(search, rounds, 1200.0) == pytest.approx(180.0)
    more = [*rounds, *_rounds(14, 15, ends=(1260, 1320))]
    assert clock.ending(search, more, 1320.0) is None
    more += _rounds(16, ends=(1380,))
    assert clock.ending(search, more, 1380.0) == End(15, 'max_minutes', 25.0)
    assert clock.seconds_left(search, more, 1380.0) == 0.0


def test_rounds_without_a_gain_are_counted_from_the_first_network_on():
    idle = lambda *volumes: clock.idle_rounds(_rounds(*volumes))
    assert idle() == idle(0.0, 0.0, 0.0) == idle(0.0, 1.0) == 0
    assert idle(1.0, 1.0) == 1 and idle(0.5, 1.0, 1.0, 1.0) == 2
    assert idle(1.0, 1.0, 1.0 + 1e-9) == 0


def test_what_finals_bring_is_no_gain_of_the_next_round():
    """Volumes of rounds, the third and the sixth one of finals."""
    def idle(*volumes):
        rounds = _rounds(*volumes)
        return clock.idle_rounds([
            record._replace(info=record.info | {FINALS: 2} if i in (2, 5) else
                            record.info) for i, record in enumerate(rounds)])

    assert idle(1.0, 1.0, 2.0) == 1 and idle(1.0, 1.0, 2.0, 2.0) == 2
    assert idle(1.0, 1.0, 2.0, 2.5) == 0 and idle(1.0, 1.0, 2.0, 2.5, 2.5, 3.0) == 1
    assert idle(0.0, 0.0, 0.0, 0.0) == 0 and idle(0.0, 0.0, 1.0, 1.0) == 1


@pytest.mark.parametrize('search, seconds, expected', [
    (Search(rounds=4), 1e9, None),
    (Search(rounds=3), 0.0, End(3, 'rounds', 3)),
    (Search(rounds=2), 0.0, End(3, 'rounds', 2)),
    # The longest of the rounds took 40 seconds.
    (Search(rounds=4, max_minutes=2.0), 80.0, None),
    (Search(rounds=4, max_minutes=2.0), 81.0, End(3, 'max_minutes', 2.0)),
    (Search(rounds=4, patience=2), 0.0, None),
    (Search(rounds=4, patience=1), 0.0, End(3, 'patience', 1))])
def test_the_first_limit_that_holds_ends_a_search(search, seconds, expected):
    rounds = _rounds(1.0, 2.0, 2.0, ends=(40, 60, 80))
    assert clock.ending(search, rounds, seconds) == expected


def test_the_first_round_always_begins():
    short = Search(max_minutes=1e-6, patience=1)
    assert clock.ending(short, [], 1e9) is None
    # As does one that was interrupted before it had finished.
    assert clock.ending(short, [RoundRecord(0, 1.0, None, None, None, None, {})],
                        1e9) is None


def test_an_end_that_nobody_wrote_is_none(study):
    for text in ('[' * 100_000, '3', '[1, 2]', '{"a": 1}'):
        study.set_meta(clock.END, text)
        assert clock.remembered(study, Search()) is None


@pytest.fixture
def study(tmp_path):
    """An empty study."""
    with_file = Study(tmp_path)
    yield with_file
    with_file.close()


def test_a_study_remembers_its_end_until_more_is_allowed(study):
    search = Search(rounds=9, max_minutes=2.0, patience=3)
    remembered = lambda **new: clock.remembered(
        study, dataclasses.replace(search, **new))
    assert remembered() is None
    clock.remember(study, End(5, 'max_minutes', 2.0))
    assert remembered() == remembered(rounds=99, patience=0) == End(
        5, 'max_minutes', 2.0)
    assert remembered(max_minutes=2.5) is None and remembered(max_minutes=0.0) is None
    clock.remember(study, End(5, 'patience', 3))
    assert remembered() == remembered(patience=2) == End(5, 'patience', 3)
    assert remembered(patience=4) is None and remembered(patience=0) is None
    for text in ('x', '[]', '3', '[1, "nothing", 2]', '[1, "patience", null]'):
        study.set_meta(clock.END, text)
        assert remembered() is None


def test_sessions_add_up_as_far_as_they_were_saved(study):
    hand = Hand(100.0)
    first = Clock(study, began=90.0, now=hand)
    assert first.seconds() == 10.0
    hand.now = 130.0
    first.save()
    hand.now = 140.0
    assert first.seconds() == 50.0
    # A kill: ten seconds are lost. The next machine has another clock.
    second = Clock(study, now=Hand(7.0))
    assert second.seconds() == 40.0
    for text in ('nan', 'inf', '-3', 'soon'):
        study.set_meta(clock.CLOCK, text)
        assert Clock(study, now=hand).seconds() == 0.0


def _timed(setup, study, hand, seconds, **changes):
    """A run whose every group takes so many seconds, and what it told of."""
    told = []

    def callback(news):
        if news.phase == 'training':
            hand.now += seconds
        told.append(news)

    loop.run(setup._replace(settings=tiny_study.settings(**changes)), study,
             callback, timer=Clock(study, now=hand))
    return told


def test_a_search_begins_no_round_that_it_cannot_finish(study):
    setup, hand = tiny_study.finished().setup, Hand()
    told = _timed(setup, study, hand, 30.0, search__rounds=100,
                  search__max_minutes=1.6)
    # Three rounds of 30 seconds; a fourth would end at 120 of 96.
    assert [r.info[clock.SECONDS] for r in study.rounds()] == [30.0, 60.0, 90.0]
    assert told[-1].phase == 'ended' and told[-1].front
    assert told[-1].end == End(3, 'max_minutes', 1.6) and told[-1].seconds == 90.0
    before = study.networks()
    # The same again, although these rounds would have been faster: nothing.
    again = _timed(setup, study, hand, 0.1, search__rounds=100,
                   search__max_minutes=1.6)
    assert [news.phase for news in again] == ['ended']
    assert study.networks() == before
    _timed(setup, study, hand, 30.0, search__rounds=100, search__max_minutes=2.0)
    assert len(study.rounds()) == 4


def test_minutes_bound_rounds_and_change_none(study):
    """The rounds of a search with a clock are those of one without."""
    finished = tiny_study.finished()
    _timed(finished.setup, study, Hand(), 50.0, search__rounds=100,
           search__max_minutes=2.0)
    whole = Study(finished.workdir, create=False)
    assert [tiny_study.comparable(row) for row in study.networks()] == [
        tiny_study.comparable(row) for row in whole.networks()]


def test_an_interrupted_round_is_finished_whatever_the_time(study):
    setup, hand = tiny_study.finished().setup, Hand()

    class Killed(Exception):
        pass

    def kill(news):
        if news.phase == 'training':
            hand.now += 600.0
            raise Killed

    limits = {'search__rounds': 100, 'search__max_minutes': 1.0}
    limited = setup._replace(settings=tiny_study.settings(**limits))
    with pytest.raises(Killed):
        loop.run(limited, study, kill, timer=Clock(study, now=hand))
    Clock(study, began=0.0, now=hand).save()
    told = _timed(setup, study, hand, 1.0, **limits)
    assert all(row.ok for row in study.rows()) and len(study.rows()) == 2
    assert told[-1].end == End(1, 'max_minutes', 1.0)


def test_patience_ends_a_search(study):
    """Every round brings the same networks: no gain after the first."""
    setup = tiny_study.finished().setup
    points = setup.domain.sample(jax.random.key(5), 2)
    suggest = lambda key, found: (points, setup.algorithm.suggest(key, found)[1])
    same = setup._replace(algorithm=setup.algorithm._replace(suggest=suggest))
    told = _timed(same, study, Hand(), 1.0, search__rounds=50, search__patience=2,
                  search__inherit=False)
    volumes = [r.hypervolume for r in study.rounds()]
    best = volumes.index(max(volumes))
    assert len(volumes) == best + 3 < 50
    assert told[-1].end == End(len(volumes), 'patience', 2)
