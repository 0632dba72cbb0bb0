"""What is missing or damaged in a study's file, in words."""

import itertools
import sqlite3
from collections.abc import Sequence

from sparse_jax.study import database, schema
from sparse_jax.study.database import Database, Values
from sparse_jax.study.parsing import Reader, of_one_length
from sparse_jax.study.record import Record

_MANY = 20
"""Trials in a row that are told by their numbers."""


def find(db: Database, reader: Reader, *, deep: bool) -> list[str]:
    """One line for every damage; `deep` reads all weights too."""
    lines = []
    for table in schema.KEYS:
        if table == 'weights' and not deep:
            continue
        found, reason = db.table(table)
        if reason:
            lines.append(f'a part of table {table} cannot be read ({reason})')
        # Of trials it is said by their numbers, as of those that are missing.
        lines += [_damaged(table, values) for values in found
                  if table != 'trials' and not _readable(reader, table, values)]
    try:
        weights = {row['trial'] for row in db.read('SELECT trial FROM weights')}
        rounds = db.read('SELECT * FROM rounds')
    except sqlite3.DatabaseError as error:
        if not database.is_damage(error):
            raise
        return lines
    counts = [n for row in rounds if isinstance(n := row.get('trials'), int)
              and reader.round(row) is not None]
    suggested = sum(counts) if len(counts) == len(rounds) else None
    found = map(reader.record, db.table('trials')[0])
    rows = of_one_length(row for row in found if row is not None)
    return lines + _missing(rows, suggested, weights)


def _readable(reader: Reader, table: str, values: Values) -> bool:
    """Whether a row is what a search has written."""
    how = {'curves': reader.point, 'rounds': reader.round}.get(table)
    return reader.intact(table, values) if how is None else how(values) is not None


def _damaged(table: str, values: Values) -> str:
    """One damaged row in words."""
    number = values.get('trial', values.get('round', values.get('key')))
    if table == 'rounds' and isinstance(number, int):
        number += 1  # As people count them.
    return {'meta': f'setting {number!r:.40} is damaged',
            'curves': f'trial {number} at cut {values.get("offset")!r:.20} is damaged',
            'weights': f'the weights of trial {number} are damaged',
            'rounds': f'round {number} is damaged'}[table]


def _gap(first: int, stop: int) -> list[str]:
    """Of numbers without a trial, many of them in one line."""
    if stop - first > _MANY:
        return [f'trials {first} to {stop - 1} are missing or damaged']
    return [f'trial {number} is missing or damaged' for number in range(first, stop)]


def _missing(
    records: Sequence[Record], suggested: int | None, weights: set[int]
) -> list[str]:
    """What is missing among intact records, one line each.

    Args:
      records: of trials, in order of their numbers.
      suggested: how many there should be; None where only their numbers say so.
      weights: numbers of the trials whose weights are stored.
    """
    numbers = {row.trial.number for row in records}
    count = max([suggested or 0, *(number + 1 for number in numbers)])
    lines = [line for low, high in itertools.pairwise([-1, *sorted(numbers), count])
             for line in _gap(low + 1, high)]
    for row in records:
        trial = row.trial
        # Below 0 are networks of another study.
        if trial.parent is not None and trial.parent >= 0 and not (
                trial.parent in numbers and trial.parent < trial.number):
            lines.append(f'trial {trial.number} inherits from trial {trial.parent}, '
                         'which is not there')
        if trial.first not in numbers:
            lines.append(f'trial {trial.number} is of the point of trial '
                         f'{trial.first}, which is not there')
        if row.trained and trial.number not in weights:
            lines.append(f'the weights of trial {trial.number} are missing')
    return lines
