"""Tables of a study, made from the table of goals, and the checksums of their rows.

A figure of a goal that the file does not have yet is a new column: adding a goal, or
searching with one of a person's own, needs no new version.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from sparse_jax.objectives.goal import BOARD, GOALS
from sparse_jax.objectives.graph_costs import Totals

VERSION = '5'
READABLE = ('3', '4', VERSION)
"""Version 4 has no rungs; version 3 has no checksums either and does not count the
trials of a round."""
CHECK = 'checksum'
OWN = 'own_'
"""Before the name of a goal that is not of the table."""
COSTS = Totals._fields
UNPRUNED = tuple(f'unpruned_{name}' for name in COSTS)
KEYS = {'meta': ('key',), 'trials': ('number',), 'curves': ('trial', 'offset'),
        'weights': ('trial',), 'rounds': ('round',)}
"""{table: its primary key}."""
_WHOLE = (*COSTS, *UNPRUNED, 'rung', 'origin')
"""Columns of whole numbers, beside those of goals."""
_TEXTS = ('learning', 'predicted')
_COUNTED = ', '.join(f'{name} INTEGER' for name in COSTS)
_TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, {CHECK} TEXT);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, status TEXT NOT NULL,
  coordinates TEXT NOT NULL, point TEXT NOT NULL, seed INTEGER NOT NULL,
  parent INTEGER, rung INTEGER, origin INTEGER, epochs INTEGER NOT NULL,
  error REAL, float_error REAL,
  {_COUNTED}, {', '.join(f'{name} INTEGER' for name in UNPRUNED)},
  learning TEXT, predicted TEXT, train_seconds REAL, finished TEXT, {CHECK} TEXT);
CREATE TABLE curves (
  trial INTEGER NOT NULL REFERENCES trials(number), offset REAL NOT NULL,
  status TEXT NOT NULL, error REAL NOT NULL, {_COUNTED}, {CHECK} TEXT,
  PRIMARY KEY (trial, offset));
CREATE TABLE weights (
  trial INTEGER PRIMARY KEY REFERENCES trials(number), npz BLOB NOT NULL,
  {CHECK} TEXT);
CREATE TABLE rounds (
  round INTEGER PRIMARY KEY, trials INTEGER, suggest_seconds REAL,
  compile_seconds REAL, train_seconds REAL, programs INTEGER, hypervolume REAL,
  info TEXT, {CHECK} TEXT);
"""


def column(goal: str) -> str:
    """The column of a figure that is measured on the host."""
    return goal if goal in GOALS else f'{OWN}{goal}'


def goal_of(name: str) -> str | None:
    """The goal of a column, None for any other column."""
    if name.startswith(OWN):
        return name.removeprefix(OWN)
    return name if name in GOALS and name not in (*COSTS, 'error') else None


def make(db: sqlite3.Connection) -> None:
    """Make the tables of a new study, inside the caller's transaction."""
    for statement in filter(str.strip, _TABLES.split(';')):
        db.execute(statement)
    for table in ('trials', 'curves'):
        _add_columns(db, table, BOARD)


def upgrade(db: sqlite3.Connection, version: str) -> None:
    """Make a study of an older version one of this version, inside a transaction.

    version: that of the study, one of `READABLE`.
    """
    if version == '3':
        _seal_all(db)
    # What a trial of an older study does not have is NULL, and in no checksum.
    _add_columns(db, 'trials', ('rung', 'origin'))
    put(db, 'meta', {'key': 'version', 'value': VERSION}, verb='INSERT OR REPLACE')


def _seal_all(db: sqlite3.Connection) -> None:
    """Give the rows of a study of version 3 checksums, and its rounds their counts."""
    for table in KEYS:
        db.execute(f'ALTER TABLE {table} ADD COLUMN {CHECK} TEXT')
    db.execute('ALTER TABLE rounds ADD COLUMN trials INTEGER')
    db.execute('UPDATE rounds SET trials=(SELECT count(*) FROM trials '
               'WHERE trials.round=rounds.round)')
    for table, names in KEYS.items():
        keys = db.execute(f'SELECT {", ".join(names)} FROM {table}').fetchall()
        for key in keys:
            seal(db, table, tuple(key))


def _add_columns(db: sqlite3.Connection, table: str, names: Iterable[str]) -> None:
    """Add the columns that a table does not have yet: of costs and goals that came
    after the study was made."""
    there = columns(db, table)
    for name in names:
        if name not in there:
            whole = name in _WHOLE or name in GOALS and GOALS[name].whole
            kind = 'TEXT' if name in _TEXTS else 'INTEGER' if whole else 'REAL'
            db.execute(f'ALTER TABLE {table} ADD COLUMN {name} {kind}')


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    """Names of the columns of a table; none if it does not exist."""
    return [row[1] for row in db.execute(f'PRAGMA table_info({table})')]


def put(db: sqlite3.Connection, table: str, values: Mapping[str, Any], *,
        verb: str = 'INSERT') -> None:
    """Insert a row and seal it."""
    _add_columns(db, table, values)
    db.execute(f'{verb} INTO {table} ({", ".join(values)}) '
               f'VALUES ({", ".join("?" * len(values))})', tuple(values.values()))
    seal(db, table, tuple(values[name] for name in KEYS[table]))


def update(db: sqlite3.Connection, table: str, key: Any,
           values: Mapping[str, Any]) -> None:
    """Change a row and seal it."""
    _add_columns(db, table, values)
    names = ', '.join(f'{name}=?' for name in values)
    db.execute(f'UPDATE {table} SET {names} WHERE {KEYS[table][0]}=?',
               (*values.values(), key))
    seal(db, table, (key,))


def seal(db: sqlite3.Connection, table: str, key: tuple) -> None:
    """Store the checksum of a row as it is in the file, unless version 3 has none."""
    where = ' AND '.join(f'{name}=?' for name in KEYS[table])
    cursor = db.execute(f'SELECT * FROM {table} WHERE {where}', key)
    names, found = [c[0] for c in cursor.description], cursor.fetchone()
    if CHECK in names and found is not None:
        row = dict(zip(names, found))
        db.execute(f'UPDATE {table} SET {CHECK}=? WHERE {where}',
                   (checksum(table, row), *key))


def checksum(table: str, row: Mapping[str, Any]) -> str:
    """Changes with every value of a row; what is NULL counts as not there, so that a
    new column changes none."""
    digest = hashlib.blake2b(digest_size=8)
    plain = {}
    for name, value in row.items():
        if isinstance(value, bytes):
            plain[name] = hashlib.blake2b(value, digest_size=16).hexdigest()
        elif value is not None and name != CHECK:
            plain[name] = value
    digest.update(json.dumps([table, sorted(plain.items())]).encode())
    return digest.hexdigest()
