"""What a person sees of a running search, and the closing summary."""

import time
from collections.abc import Sequence
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from launch import ahead, host_memory, tables
from sparse_jax import status
from sparse_jax.data.description import describe
from sparse_jax.objectives.goals import Objectives, best_under, figure, front_of
from sparse_jax.search import clock, loop, strategies
from sparse_jax.search.clock import End
from sparse_jax.search.forecast import forecast
from sparse_jax.search.setup import Setup
from sparse_jax.settings.reading import board
from sparse_jax.study.record import RoundRecord
from sparse_jax.study.records import Record, Study

_PLAIN = 'finished group'


class Reporter:
    """A line per finished group and round, and on a terminal a live bar."""

    def __init__(self, setup: Setup, study: Study) -> None:
        self.console = tables.console()
        self.setup, self.study = setup, study
        self.started = time.perf_counter()
        self.done_before: int | None = None
        self.at_end = False
        self.rounds = study.rounds()
        self.bar = Progress(
            TextColumn('{task.description}'), BarColumn(bar_width=20),
            TextColumn('{task.fields[n]}'), TimeElapsedColumn(),
            TextColumn('{task.fields[left]}'), console=self.console,
            transient=True, disable=not self.console.is_terminal)
        self.task = self.bar.add_task('starting', total=None, n='', left='')

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.bar.stop()

    def __call__(self, news: loop.Progress) -> None:
        if self.done_before is None:
            self.done_before = news.done
            if news.phase == 'suggesting' and not self.rounds:
                expected = ahead.time_text(forecast(self.setup))
                tables.line(self.console, f'expected: {expected}')
        if news.phase == 'finished round':
            self.rounds = self.study.rounds()
        if news.phase in (_PLAIN, 'finished round'):
            # Compiling leaves holes.
            host_memory.give_back()
        left, limit = self._time_left(news), 60 * self._minutes
        self.bar.update(
            self.task, left=left, total=limit or news.total,
            completed=min(news.seconds, limit) if limit else news.done,
            description=f'{self._round(news)} {news.phase}',
            n=f'{news.done} done, hv {news.hypervolume:.3f}')
        if news.phase == _PLAIN:
            tables.line(self.console, self._line(news, left))
        if news.phase == 'used up':
            tables.line(self.console, f'the space is used up: all of its {news.done} '
                                      'points are evaluated, the search ends here')
        if news.phase == 'all trained':
            tables.line(self.console, f'all {news.done} networks of the strategy are '
                                      'trained, the search ends here')
        if news.end is not None:
            tables.line(self.console, end_text(news.end, news.seconds))
        if news.phase == 'finished round':
            tables.line(self.console, f'{self._round(news)}  '
                                      f'{_round_text(self.rounds[news.round])}')

    def _round(self, news: loop.Progress) -> str:
        """'round 3/8', 'round 3' where the clock decides how many there are, 'finals'
        at the end."""
        if news.finals:
            return 'finals'
        most = self.setup.settings.search.most_rounds
        number = min(news.round + 1, most)
        return f'round {number}' if self._minutes else f'round {number}/{most}'

    @property
    def _minutes(self) -> float:
        """That the clock allows, 0 without one."""
        return self.setup.settings.search.max_minutes

    def _time_left(self, news: loop.Progress) -> str:
        """By the rounds so far; within the first one, and at the end, by its trainings
        so far."""
        if news.finals and not self.at_end:
            self.at_end = True
            self.started, self.done_before = time.perf_counter(), news.done
        fresh = news.done - (self.done_before or 0)
        if news.done >= news.total:
            return ''
        if not news.finals and any(r.hypervolume is not None for r in self.rounds):
            seconds = clock.seconds_left(
                self.setup.settings.search, self.rounds, news.seconds)
        elif fresh:
            each = (time.perf_counter() - self.started) / fresh
            seconds = each * (news.total - news.done)
            if self._minutes:
                seconds = min(seconds, max(60 * self._minutes - news.seconds, 0.0))
        else:
            return ''
        return f'{ahead.duration(seconds)} left'

    def _line(self, news: loop.Progress, left: str) -> str:
        good = [o for o in news.outcomes if o.status == status.OK]
        failed = len(news.outcomes) - len(good)
        best = min(good, key=lambda o: o.error, default=None)
        done = f'{news.done}' if self._minutes else f'{news.done:3d}/{news.total}'
        text = (f'{self._round(news)}  {done} candidates  '
                f'{len(news.front)} on the front  hypervolume {news.hypervolume:.3f}'
                f'  {_within_text(news.front, self.setup.objectives)}')
        if best is not None:
            aims = self.setup.objectives
            costs = [goal.text(value) for goal in aims.costs
                     if (value := figure(best, goal.name, aims)) is not None]
            text += (f'  best of group: {100 * (1 - best.error):.1f} % with '
                     f'{", ".join(costs)}')
        if failed:
            names = sorted({status.name(o.status) for o in news.outcomes
                            if o.status != status.OK})
            text += f'  {failed} {"/".join(names)}'
        return text + (f'  {left}' if left else '')


def _within_text(front: Sequence[Record], objectives: Objectives) -> str:
    """What `--trial=best` stands for now."""
    best = best_under(front, objectives)
    if best is None:
        return 'none within the bounds yet'
    return f'best within the bounds {100 * (1 - best.figures[0]):.1f} % ({best.name})'


def _round_text(record: RoundRecord) -> str:
    """Where the time of a round went."""
    seconds = [f'{name} {getattr(record, f"{name}_seconds") or 0.0:.1f} s'
               for name in ('suggest', 'compile', 'train')]
    info = record.info
    on = f'; {info["promoted"]:.0f} go on' if 'promoted' in info else ''
    return (f'took {", ".join(seconds)}; {record.programs} new programs{on}, padding '
            f'{info["padding_waste"]:.1f}, slots {100 * info["bucket_fill"]:.0f} %; '
            f'refused {info.get("refused", 0):.0f} of '
            f'{info.get("considered", 0):.0f} proposals')


def end_text(end: End, seconds: float) -> str:
    """Why a search has ended, and how it goes on."""
    text = f'the search ends after {end.rounds} round{"s" * (end.rounds != 1)}: '
    if end.why == clock.PATIENCE:
        return text + (f'the last {end.limit:g} brought no gain of hypervolume; a '
                       'larger search.patience goes on')
    return text + (f'{seconds / 60:.1f} of {end.limit:g} minutes are used, too few '
                   'are left for another round; a larger search.max_minutes goes on')


def left_over_text(setup: Setup, study: Study) -> str:
    """Networks that were known before any training and that no round has taken; ''
    where there are none."""
    left = strategies.left_over(setup, study)
    if not left:
        return ''
    return (f'networks of the strategy that no round has trained: {left}; '
            'the same command with more rounds or minutes trains them')


def print_summary(setup: Setup, study: Study) -> None:
    """The front, the programs and where the time went."""
    console = tables.console()
    rows, rounds, aims = study.rows(), study.rounds(), setup.objectives
    front = front_of(study.networks(), aims)
    tables.show(console, tables.front_table(
        front, aims, epochs=tables.epochs_of(rows, front)))
    if aims.on_board:
        tables.line(console, tables.prediction_text(board(setup.settings)))
    tables.line(console, f'candidates: {tables.statuses_text(rows)}')
    for text in (left_over_text(setup, study),
                 *tables.finals_texts(study.networks(), aims), tables.rungs_text(rows),
                 tables.no_better_text(
                     study.networks(), describe(setup.dataset),
                     balanced=setup.settings.objectives.balanced)):
        if text:
            tables.line(console, text)
    programs = sum(r.programs or 0 for r in rounds)
    trained = sum(row.costs is not None for row in rows)
    total = lambda name: sum(getattr(r, name) or 0.0 for r in rounds)
    tables.line(console, f'XLA training programs: {programs} compiled, '
                         f'{trained / max(programs, 1):.1f} candidates each, '
                         f'{total("compile_seconds") / max(programs, 1):.1f} s '
                         'each while others train')
    tables.line(
        console,
        f'seconds: compile {total("compile_seconds"):.0f} (overlaps training), '
        f'train {total("train_seconds"):.0f}, suggest {total("suggest_seconds"):.0f}')
    known = [r.info for r in rounds if r.info.get('padding_waste')]
    mean = lambda name: sum(i[name] for i in known) / max(len(known), 1)
    tables.line(
        console,
        f'padding: {mean("padding_waste"):.1f} times the products of the true '
        f'networks, {100 * mean("bucket_fill"):.0f} % of the programs\' slots used')
    counted = lambda name: sum(r.info.get(name, 0) for r in rounds)
    tables.line(console, f'refused before training: {counted("refused"):.0f} of '
                         f'{counted("considered"):.0f} proposals')
    best = [r.hypervolume for r in rounds if r.hypervolume is not None]
    reference = ', '.join(f'{v:.3g}' for v in aims.reference)
    costs = ', '.join(f'log10 {goal.heading}' for goal in aims.costs)
    if best:
        tables.line(
            console, f'hypervolume {best[-1]:.4f} of (error, {costs}) '
                     f'below ({reference})')
    tables.line(console, f'study, configuration and checkpoints: {study.workdir}')
