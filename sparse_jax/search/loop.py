"""The host loop of a search: suggest, evaluate, record, repeat; resumable."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sparse_jax.evaluation.grouping import Parents
from sparse_jax.search import clock, finals, known, rungs, strategies
from sparse_jax.search.books import Books
from sparse_jax.search.clock import Clock, End
from sparse_jax.search.planner import Planner
from sparse_jax.search.setup import Setup
from sparse_jax.search.standing import Standing
from sparse_jax.space import encoding
from sparse_jax.study import checkpoints
from sparse_jax.study.names import FINALS
from sparse_jax.study.outcome import FINAL, Outcome, Parent
from sparse_jax.study.records import Record, Study, StudyError
from sparse_jax.types import Archive

REMEMBERED = 64
"""Parents whose weights stay in memory."""
THINS = 'thins'
"""In the meta of studies that began with `runtime.weights='needed'`: earlier ones lose
nothing."""


class Progress(NamedTuple):
    """What a callback is told after every phase."""

    phase: str
    """'suggesting', 'compiling', 'training', 'finished group', 'finished round', and
    at last 'used up' where the space has no further point, 'all trained' where the
    strategy has none, or 'ended' where the clock or the patience ends the search."""
    round: int
    rounds: int
    """At most, as configured."""
    done: int
    """Candidates finished so far."""
    total: int
    members: int = 0
    outcomes: tuple[Outcome, ...] = ()
    front: tuple[Record, ...] = ()
    hypervolume: float = 0.0
    seconds: float = 0.0
    """Wall-clock of all sessions of the study so far."""
    end: End | None = None
    """Why the rounds have ended, of 'ended'."""
    finals: bool = False
    """Whether the trainings are those of the end of the search."""


Callback = Callable[[Progress], None]


def replay(setup: Setup, networks: list[Record]) -> Archive:
    """What a search is told before its next round, all networks of a study given."""
    books = Books(setup, networks)
    return books.archive(books.rounds)


def run(
    setup: Setup, study: Study, callback: Callback = lambda progress: None,
    elsewhere: Sequence[Parent] = (), timer: Clock | None = None,
) -> None:
    """Run the configured rounds, continuing whatever the study already holds.

    Every random decision derives from the seed and the number of the round or trial,
    so a continued search suggests what an uninterrupted one would have. It ends early
    where its minutes or its patience are used up, see `clock.ending`, and where the
    algorithm suggests nothing: the space is used up. What has begun is finished. With
    `search.final_share` the best networks are trained again at the end, see `finals`.

    Args:
      setup: the objects of the search.
      study: open for writing.
      callback: told after every phase.
      elsewhere: networks from outside of the study that planned trials start from, see
        `outcome.outside`.
      timer: the clock of the study; by default this session begins now.

    Raises:
      StudyError: a trial starts from a network from elsewhere that is not given.
    """
    parents = _parents(setup, study, elsewhere)
    timer = timer or Clock(study)
    networks = study.networks()
    books = Books(setup, networks)
    if not networks and setup.settings.runtime.weights == 'needed':
        study.set_meta(THINS, '1')
    if books.rounds:
        _keep(setup, study, books, books.rounds)
    for record in study.rounds():
        # A kill may come after the last outcome of a round and before its summary.
        if record.hypervolume is None and record.round < books.rounds:
            _summarise(setup, study, record.round, timer, books,
                       {'measure_seconds': 0.0, 'wall_seconds': 0.0})
    with Planner(setup, study, books) as planner:
        _rounds(setup, study, callback, parents, timer, books, planner)


def _rounds(
    setup: Setup, study: Study, callback: Callback, parents: Parents, timer: Clock,
    books: Books, planner: Planner,
) -> None:
    while True:
        pending = study.pending()
        round_ = books.rounds
        at_end = any(row.trial.rung == FINAL for row in pending)
        told = functools.partial(
            _teller(callback, setup, books.standing, round_, timer),
            finals=at_end)
        if not pending and (end := _ending(setup, study, timer)):
            if _plan_finals(setup, study, timer, round_, books):
                continue
            if end.why != clock.ROUNDS:
                told('ended', end=end)
            return
        if not pending:
            told('suggesting')
            plan = planner.take(round_)
            if plan is None:
                if _plan_finals(setup, study, timer, round_, books):
                    continue
                return told(strategies.last_phase(setup))
            study.add_round(round_, setup.settings.seed, plan.trials, plan.points,
                            plan.info, plan.expected)
            books.standing.expect(plan.trials)
        if not at_end:
            planner.begin(round_ + 1)
        _evaluate(setup, study, round_, parents, told, timer, books, planner)
        told('finished round')


def _ending(setup: Setup, study: Study, timer: Clock) -> clock.End | None:
    """Why no further round begins, which is stored; None if one does."""
    search = setup.settings.search
    end = clock.remembered(study, search)
    if end is None:
        end = clock.ending(search, study.rounds(), timer.seconds())
        if end is not None:
            clock.remember(study, end)
            timer.save()
    return end


def _plan_finals(
    setup: Setup, study: Study, timer: Clock, round_: int, books: Books
) -> bool:
    """Store the next trainings of the end of a search; False where there are none.

    With a clock further ones follow while they fit: how many run side by side is known
    from the first.
    """
    search, rounds = setup.settings.search, study.rounds()
    if not search.final_share:
        return False
    networks, minutes, took = study.networks(), search.max_minutes, clock.durations(
        rounds, ends=True)
    at_once = finals.side_by_side(networks, took[-1]) if networks and took else 1.0
    planned = finals.plan(
        networks, setup.settings, setup.objectives,
        60.0 * minutes - timer.seconds() if minutes else None,
        study.next_number(), at_once, setup.screened)
    if planned:
        books.standing.expect(trial for trial, _ in planned)
        study.add_round(
            round_, setup.settings.seed, [trial for trial, _ in planned],
            [point for _, point in planned], {FINALS: len(planned)})
    return bool(planned)


def _parents(
    setup: Setup, study: Study, elsewhere: Sequence[Parent]
) -> Parents:
    """Trial number -> exact graph and weights; the last ones are remembered."""
    @functools.lru_cache(maxsize=REMEMBERED)
    def find(number: int) -> Parent | None:
        if number < 0:
            if -1 - number >= len(elsewhere):
                if own := known.parent(setup, study, number):
                    return own
                raise StudyError(
                    f'workdir {str(study.workdir)!r} starts from weights of another '
                    'study; allowed: the launch.retrain that began it')
            return elsewhere[-1 - number]
        weights = study.weights(number)
        if weights is None:
            return None
        row = study.networks({number})[0]
        return Parent(encoding.graph(setup.space, row.trial.row), weights)
    return find


def _evaluate(
    setup: Setup, study: Study, round_: int, parents: Parents,
    told: Callable[..., None], timer: Clock, books: Books, planner: Planner,
) -> None:
    """Train and measure the pending trials of a round, and store what came out."""
    executor = setup.evaluator.executor
    before, begin = executor.stats(), time.perf_counter()
    measure_seconds = 0.0
    for outcomes in setup.evaluator.evaluate(
            [row.trial for row in study.pending()], parents,
            announce=lambda phase, n: told(phase, members=n)):
        study.finish_trials(outcomes)
        timer.save()
        measure_seconds += sum(o.measure_seconds for o in outcomes)
        books.standing.add(study.networks({o.trial.number for o in outcomes}))
        told('finished group', outcomes=tuple(outcomes))
    waited = {'waited_seconds': planner.wait()} if setup.settings.search.lag else {}
    books.finish(round_, study.of_round(round_))
    _keep(setup, study, books, round_ + 1)
    after = executor.stats()
    _summarise(
        setup, study, round_, timer, books,
        waited | {'measure_seconds': measure_seconds,
                  'wall_seconds': time.perf_counter() - begin},
        compile_seconds=after.compile_seconds - before.compile_seconds,
        programs=after.programs - before.programs)


def _summarise(
    setup: Setup, study: Study, round_: int, timer: Clock, books: Books,
    info: dict[str, float], compile_seconds: float = 0.0, programs: int = 0,
) -> None:
    """Store where the time of a round went, and what it reached."""
    # Of the whole round, though a resumed one may have trained a part of it only.
    members = [row for row in study.of_round(round_) if row.offset is None]
    trials = [row.trial for row in members]
    study.finish_round(
        round_, compile_seconds=compile_seconds,
        train_seconds=sum(row.train_seconds or 0.0 for row in members),
        programs=programs, hypervolume=books.standing.hypervolume,
        info=setup.evaluator.padding(trials) | {'trials': len(trials)} | info | {
            clock.SECONDS: timer.seconds()})
    timer.save()


def _keep(setup: Setup, study: Study, books: Books, round_: int) -> None:
    """Make the checkpoints on disk those of the front, also where they were deleted,
    and drop weights that no round from this one on needs."""
    front = {row.trial.number for row in books.standing.front}
    checkpoints.sync_front(study.workdir, sorted(front), study.weights)
    if setup.settings.runtime.weights == 'needed' and study.meta(THINS):
        study.drop_weights(books.kept(round_, study.pending()))


def _teller(
    callback: Callback, setup: Setup, standing: Standing, round_: int, timer: Clock
) -> Callable[..., None]:
    """What tells a callback of a phase of this round, with the study's figures."""
    search = setup.settings.search

    def told(
        phase: str, members: int = 0, outcomes: tuple[Outcome, ...] = (),
        end: End | None = None, finals: bool = False,
    ) -> None:
        later = search.batch * max(search.most_rounds - round_ - 1, 0)
        total = (search.most_rounds * search.batch + standing.continued
                 + round(rungs.expected(search, later)))
        callback(Progress(
            phase, round_, search.rounds, standing.done, total, members, outcomes,
            standing.front, standing.hypervolume, timer.seconds(), end, finals))

    return told
