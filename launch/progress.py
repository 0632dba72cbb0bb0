"""What a person sees of a running search, and the closing summary."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sparse_jax import status

_PLAIN = 'finished group'


class Reporter:
    """A live bar on a terminal, one line per finished group elsewhere."""

    def __init__(self, setup, study):
        self.console = Console(highlight=False)
        self.setup, self.study = setup, study
        self.started, self.done_before = time.perf_counter(), None
        self.bar = Progress(
            TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[n]}'),
            TimeElapsedColumn(), TextColumn('{task.fields[left]}'), console=self.console,
            disable=not self.console.is_terminal)
        self.task = self.bar.add_task('starting', total=1, n='', left='')

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *exc):
        self.bar.stop()

    def __call__(self, news):
        if self.done_before is None:
            self.done_before = news.done
        left = self._time_left(news)
        self.bar.update(
            self.task, total=news.total, completed=news.done, left=left,
            description=f'round {news.round + 1}/{news.rounds} {news.phase}',
            n=f'{news.done}/{news.total} hv {news.hypervolume:.3f}')
        if news.phase == _PLAIN:
            self.console.print(self._line(news, left))

    def _time_left(self, news):
        fresh = news.done - self.done_before
        if fresh < 1:
            return ''
        each = (time.perf_counter() - self.started) / fresh
        return f'about {each * (news.total - news.done):.0f} s left'

    def _line(self, news, left):
        good = [o for o in news.outcomes if o.status == status.OK]
        failed = len(news.outcomes) - len(good)
        best = min(good, key=lambda o: o.error, default=None)
        text = (f'round {news.round + 1}/{news.rounds}  {news.done:3d}/{news.total} '
                f'candidates  {len(news.front)} on the front  '
                f'hypervolume {news.hypervolume:.3f}')
        if best is not None:
            memory = getattr(best.costs, self.setup.memory)
            text += (f'  best of group: {100 * (1 - best.error):.1f} % with '
                     f'{best.costs.model_size} B, {memory} B')
        if failed:
            names = sorted({status.name(o.status) for o in news.outcomes
                            if o.status != status.OK})
            text += f'  {failed} {"/".join(names)}'
        return text + (f'  {left}' if left else '')


def front_table(rows, memory: str, tests=None) -> Table:
    """The front as a table; `tests` {trial: test accuracy} adds a column."""
    table = Table(title='Pareto front (bytes, one per value)')
    columns = ['trial', 'valid. %', 'size', 'memory', 'MACs', 'unpruned']
    for name in columns + (['test %'] if tests else []):
        table.add_column(name, justify='right')
    for row in rows:
        cells = [row.name, f'{100 * (1 - row.error):.2f}', row.costs.model_size,
                 getattr(row.costs, memory), row.costs.macs, row.unpruned.model_size]
        if tests:
            cells.append(f'{100 * tests[row.name]:.2f}')
        table.add_row(*map(str, cells))
    return table


def print_summary(setup, study) -> None:
    """The front, the programs and where the time went."""
    from sparse_jax.search.loop import front_of

    console = Console(highlight=False)
    rows, rounds = study.rows(), study.rounds()
    console.print(front_table(front_of(study.networks(), setup.memory), setup.memory))
    counts = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    console.print('candidates: ' + ', '.join(f'{n} {s}' for s, n in counts.items()))
    programs = sum(r['programs'] or 0 for r in rounds)
    trained = sum(row.costs is not None for row in rows)
    total = lambda name: sum(r[name] or 0.0 for r in rounds)
    console.print(
        f'XLA training programs: {programs} compiled, '
        f'{trained / max(programs, 1):.1f} candidates each')
    console.print(
        f'seconds: compile {total("compile_seconds"):.0f} (overlaps training), '
        f'train {total("train_seconds"):.0f}, suggest {total("suggest_seconds"):.0f}')
    best = [r['hypervolume'] for r in rounds if r['hypervolume'] is not None]
    reference = ', '.join(f'{v:.3g}' for v in setup.reference)
    if best:
        console.print(f'hypervolume {best[-1]:.4f} of (error, log10 size, log10 memory) '
                      f'below ({reference})')
    console.print(f'study, configuration and checkpoints: {study.workdir}')
