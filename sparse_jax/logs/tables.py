"""A study as plain tables: networks, rounds and learning curves.

Rounds are counted from 1, as in the progress of a search, its report and its status.
"""

import csv
import io
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from sparse_jax.objectives.goals import Objectives, figure
from sparse_jax.study import files
from sparse_jax.study.record import Record
from sparse_jax.study.records import Study
from sparse_jax.study.schema import COSTS, UNPRUNED

TRIALS, ROUNDS, LEARNING = 'trials.csv', 'rounds.csv', 'learning.csv'
_FORMULAS = ('=', '+', '-', '@', '\t', '\r')
POINT = 'point.'
"""Before the name of a row of the search space."""
_WHAT = ('network', 'trial', 'cut', 'round', 'rung', 'origin', 'parent', 'status',
         'epochs', 'error', 'float_error', 'train_seconds')


def write(folder: pathlib.Path, records: Study, objectives: Objectives) -> list[str]:
    """Write the tables.

    Args:
      folder: it exists.
      records: the study.
      objectives: its own.

    Returns:
      The names of the files.
    """
    for name, rows in ((TRIALS, trials(records.networks(), objectives)),
                       (ROUNDS, rounds(records)), (LEARNING, learning(records))):
        buffer = io.StringIO(newline='')
        csv.writer(buffer).writerows(rows)
        files.write(folder / name, buffer.getvalue())
    return [TRIALS, ROUNDS, LEARNING]


def trials(rows: Sequence[Record], objectives: Objectives) -> Iterable[list[Any]]:
    """A heading, then a line per network: trials, and their other cuts after them.

    What a network does not have is empty: figures of a trial that failed, rows of the
    search space that are not active in it.
    """
    goals = [goal.name for goal in objectives.used
             if goal.name != 'error' and not goal.in_program]
    goals += [goal.name for goal in objectives.measured if goal.name not in goals]
    points = list(dict.fromkeys(name for row in rows for name in row.point))
    yield [*_WHAT, *COSTS, *UNPRUNED, *goals, *(f'{POINT}{name}' for name in points)]
    for row in rows:
        trial = row.trial
        yield [*map(_cell, (
            row.name, trial.number, row.offset, row.nth_round, trial.rung, trial.origin,
            trial.parent, row.status, trial.epochs, row.error, row.float_error,
            row.train_seconds, *(row.costs or [None] * len(COSTS)),
            *(row.unpruned or [None] * len(UNPRUNED)),
            *(figure(row, name, objectives) for name in goals),
            *(row.point.get(name) for name in points)))]


def rounds(records: Study) -> Iterable[list[Any]]:
    """A heading, then a line per round with its diagnostics."""
    found = records.rounds()
    names = list(dict.fromkeys(name for r in found for name, value in r.info.items()
                               if isinstance(value, int | float | str)))
    plain = [name for name in found[0]._fields if name != 'info'] if found else []
    names = [name for name in names if name not in plain]
    yield [*plain, *map(_cell, names)]
    for r in found:
        yield [r.nth, *(_cell(getattr(r, name)) for name in plain[1:]),
               *(_cell(r.info.get(name)) for name in names)]


def learning(records: Study) -> Iterable[list[Any]]:
    """A heading, then a line per stored epoch of every trial."""
    yield ['trial', 'epoch', 'loss', 'accuracy']
    for row in records.rows():
        for epoch, *values in zip(*records.learning(row.trial.number)):
            yield [row.trial.number, epoch,
                   *('' if value != value else value for value in values)]


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is quoted."""
    if isinstance(value, str) and value[:1] in _FORMULAS:
        return f"'{value}"
    return '' if value is None else value
