"""Text output: consoles that do not wrap, and the front as a table."""

from __future__ import annotations

import collections
import contextlib
import io
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from launch import log

if TYPE_CHECKING:
    from sparse_jax.data import Dataset, Description
    from sparse_jax.export.chip.boards import Board
    from sparse_jax.objectives.goals import Objectives
    from sparse_jax.objectives.graph_costs import Totals
    from sparse_jax.study.records import Record


_ENDLESS = 10_000
_UNEVEN = 0.9
"""Share of the error of guessing among equal classes, below which it is said."""
PLAIN_WIDTH = 80
"""Columns of a table where the output is no terminal, unless it needs more."""
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), 127], '\ufffd')
"""What moves a terminal's cursor, in texts of others."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """In place of rich's own exit code."""
        raise BrokenPipeError


def console(file: TextIO | None = None) -> Console:
    """A console that wraps no text; tables fit the terminal, or 80 columns."""
    out: TextIO = file or sys.stdout
    width = None if out.isatty() else PLAIN_WIDTH
    # Names come from data and studies: nothing in them is markup.
    return _Console(file=out, highlight=False, markup=False, width=width,
                   soft_wrap=True)


def show(out: Console, table: Table) -> None:
    """Print a table inside the console's width."""
    # Soft wrapping is for lines of text; it would let a table grow over the edge.
    with _room(out, table):
        out.print(table, soft_wrap=False)
    with io.StringIO() as plain:
        whole = console(plain)
        with _room(whole, table):
            whole.print(table, soft_wrap=False)
        log.add(plain.getvalue())


@contextlib.contextmanager
def _room(out: Console, table: Table) -> Iterator[None]:
    """Where nobody's screen ends, a table none of whose columns folds is as wide as it
    must be: it would lose digits."""
    if out.is_terminal or not all(column.no_wrap for column in table.columns):
        yield
        return
    before = out.width
    need = Measurement.get(out, out.options.update(width=_ENDLESS), table).maximum
    out.width = max(before, need)
    try:
        yield
    finally:
        out.width = before


def line(out: Console, text: str) -> None:
    """Print one line of plain text, however long."""
    out.print(Text(text.translate(_CONTROLS)), soft_wrap=True)
    log.add(text)


def notes(out: Console, dataset: Dataset) -> None:
    """Print what reading a data set ignored or mapped, and if guessing is easy."""
    from sparse_jax.data import largest_class

    for text in dataset.notes:
        line(out, f'note: {text}')
    name, error = largest_class(dataset)
    if error < _UNEVEN * (1 - 1 / dataset.num_classes):
        line(out, f'note: classes are of uneven size; always naming {name!r} has a '
                  f'validation error of {100 * error:.1f} %')


def no_better_text(
    rows: Sequence[Record], about: Description, *, balanced: bool = False
) -> str:
    """That no network beats naming the largest class; '' if one does, or none is ok."""
    name, error = about.largest_class(balanced=balanced)
    errors = [row.error for row in rows if row.ok and row.error is not None]
    if not errors or min(errors) < error:
        return ''
    return (f'no network is better than always naming the largest class, {name!r} '
            f'(validation error {100 * error:.1f} %)')


def cost(item: Record, name: str, objectives: Objectives) -> str:
    """A cost of a network as plain digits; empty if it was not measured."""
    from sparse_jax.objectives.goals import figure

    value = figure(item, name, objectives)
    return '' if value is None else objectives.goal(name).digits(value)


def prediction_text(board: Board) -> str:
    """How far to trust costs that are predicted for a board."""
    from sparse_jax.export.cost_model.measure import prediction_error

    code, instructions, cycles = (
        f'{100 * e:.0f} %' for e in prediction_error(board).values())
    return (f'of {board.name}: RAM is exact without the stack, which launch.verify '
            'measures; the others are predicted, for 9 of 10 '
            f'random networks within {code} (code), {instructions} (instructions), '
            f'{cycles} (latency, energy)')


def spread(values: Sequence[float], form: Callable[[float], str]) -> str:
    """'mean (least to most)', all with `form`."""
    texts = [form(v) for v in (sum(values) / len(values), min(values), max(values))]
    return f'{texts[0]} ({texts[1]} to {texts[2]})'


def median_text(values: Iterable[float | None], form: Callable[[float], str]) -> str:
    """The median of those that are known and below it 'least-most', unless they are
    equal; '' for none."""
    known = [value for value in values if value is not None]
    if not known:
        return ''
    low, high = form(min(known)), form(max(known))
    middle = form(statistics.median(known))
    return middle if low == high else f'{middle}\n{low}-{high}'


def without_key(names: Sequence[str], heading: str) -> tuple[str, list[str]]:
    """('method', ['none', 'magnitude']) of ['method=none', 'method=magnitude']; names
    with other settings too are left as they are, under `heading`."""
    keys = {name.partition('=')[0] for name in names}
    if len(keys) > 1 or any(',' in name or '=' not in name for name in names):
        return heading, list(names)
    return keys.pop(), [name.partition('=')[2] for name in names]


def two_units_text(costs: Mapping[str, Totals | None]) -> str:
    """Model sizes as the paper counts two classes, {network: costs by two output units,
    None if it is counted so}; '' if all are."""
    each = ', '.join(f'{name}: {totals.model_size}'
                     for name, totals in costs.items() if totals is not None)
    if not each:
        return ''
    return ('two classes are one output unit; model size with two units, as the paper '
            f'counts: {each}')


def statuses_text(rows: Iterable[Record]) -> str:
    """'3 over-budget, 1 nonfinite': how many rows have which status."""
    counts = collections.Counter(row.status for row in rows)
    return ', '.join(f'{count} {name}' for name, count in counts.items())


def finals_texts(rows: Sequence[Record], objectives: Objectives) -> list[str]:
    """What the end of a search has found, one line for every network; [] without."""
    from sparse_jax.study.finals import ranking

    texts = []
    for place, final in enumerate(ranking(rows, objectives), 1):
        text = (f'finals, place {place}: trial {final.first} again, '
                f'{len(final.networks)} of {len(final.starts)} trainings')
        if final.networks:
            right = [1 - row.figures[0] for row in final.networks]
            percent = spread(right, lambda share: f'{100 * share:.2f} %')
            text += f' give {percent}; best {final.networks[0].name}'
        texts.append(text if final.networks else f'{text} give one within the bounds')
    return texts


def nothing_text(rows: Sequence[Record], objectives: Objectives) -> str:
    """Why a study has no front."""
    from sparse_jax.objectives.goals import costs_text, exceeded, figure
    from sparse_jax.study.records import PENDING

    done = [row for row in rows if row.offset is None and row.status != PENDING]
    if not done:
        return 'no measured candidate yet'
    unknown = [objectives.goal(name).title for name in objectives.names if any(
        row.ok and figure(row, name, objectives) is None for row in done)]
    lacks = 'has all figures' if unknown else 'fits'
    text = f'no network {lacks} yet: {statuses_text(done)}'
    if unknown:
        text += f'; without one of {", ".join(unknown)}'
    excess = lambda row: max((figure(row, name, objectives) or 0) / most
                             for name, most in objectives.budgets)
    over = [row for row in rows if row.trained and exceeded(row, objectives)]
    if over:
        nearest = min(over, key=excess)
        over = [objectives.goal(name) for name in exceeded(nearest, objectives)]
        text += (f'; nearest to the budgets is {nearest.name} with '
                 f'{costs_text(nearest, over, objectives)}')
    return text


def epochs_of(trials: Sequence[Record], rows: Iterable[Record]) -> dict[str, int]:
    """{network: epochs of its point}, {} where no trial of the study goes on."""
    from sparse_jax.study.lineage import point_epochs

    if not any(trial.trial.continues for trial in trials):
        return {}
    return {row.name: point_epochs(list(trials), row.trial.number) for row in rows}


def rungs_text(trials: Iterable[Record]) -> str:
    """'rungs: 40 points, of them went on 20 to rung 1, 9 to rung 2'; '' where none
    has."""
    from sparse_jax.study.outcome import FINAL

    counts = collections.Counter(trial.trial.rung for trial in trials)
    counts.pop(FINAL, None)
    if len(counts) < 2:
        return ''
    on = ', '.join(f'{counts[rung]} to rung {rung}' for rung in sorted(counts) if rung)
    return f'rungs: {counts[0]} points, of them went on {on}'


def front_table(
    rows: Iterable[Record], objectives: Objectives,
    tests: Mapping[str, float] | None = None, epochs: Mapping[str, int] | None = None,
) -> Table:
    """The front as a table; `tests` {name: test accuracy} and `epochs` {name: of its
    point} add columns."""
    shown = [*objectives.names[1:], *(name for name, _ in objectives.budgets), 'macs']
    shown = list(dict.fromkeys(shown))
    counted = {'model_size', 'working_memory'} & set(shown)
    note = '' if objectives.on_board or not counted else ' (bytes, one per value)'
    table = Table(title=f'Pareto front{note}')
    columns = ['trial', 'valid. %', *(objectives.goal(name).heading for name in shown),
               'unpruned', *(['epochs'] if epochs else [])]
    for name in columns + (['test %'] if tests else []):
        table.add_column(name, justify='right', no_wrap=True)
    for row in rows:
        error, _, unpruned = row.figures
        cells = [row.name, f'{100 * (1 - error):.2f}',
                 *(cost(row, name, objectives) for name in shown),
                 unpruned.model_size, *([epochs[row.name]] if epochs else [])]
        if tests:
            test = tests.get(row.name)
            cells.append('' if test is None else f'{100 * test:.2f}')
        table.add_row(*map(str, cells))
    return table
