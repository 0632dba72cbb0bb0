"""The SQLite file of a study: whole transactions, read-only readers, patience."""

import contextlib
import pathlib
import shutil
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from sparse_jax.study.record import StudyWarning

PATIENCE = 2.0
"""Seconds before somebody is told that another program holds the file."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_ROOM_TO_RECOVER = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""The last is that of a table or a column without its name."""
_Result = TypeVar('_Result')
Values = dict[str, Any]
"""A row of a table by the names of its columns."""


class DamagedError(sqlite3.DatabaseError):
    """What SQLite itself does not find wrong."""


def tell(text: str) -> None:
    """The default of `waiting`: a warning."""
    warnings.warn(text, StudyWarning, stacklevel=2)


class Database:
    """A connection that waits for other programs however long they take."""

    def __init__(self, path: pathlib.Path | None, *, writable: bool,
                 patience: float = PATIENCE, waiting: Callable[[str], None] = tell):
        """Open a file; it is made if it is to be written and missing.

        Args:
          path: of the file; None for one in memory.
          writable: readers never change it, and can read where nothing can be written.
          patience: seconds before `waiting` is called.
          waiting: is told, once for each wait, that another program holds the file.

        Raises:
          sqlite3.Error: it cannot be opened.
        """
        self.writable, self._name = writable, path.name if path else ''
        self._patience, self._waiting = patience, waiting
        # Other threads prefetch weights.
        self._lock = threading.RLock()
        self._copy: tempfile.TemporaryDirectory | None = None
        self._db = self._connect(path, 'rwc') if writable else self._reader(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        if self._copy is not None:
            self._copy.cleanup()

    def read(self, sql: str, arguments: tuple = ()) -> list[Values]:
        """All rows of a query."""
        def rows() -> list[Values]:
            cursor = self._db.execute(sql, arguments)
            names = [c[0] for c in cursor.description]
            return [dict(zip(names, values)) for values in cursor]
        return self._patiently(rows)

    def table(self, name: str) -> tuple[list[Values], str]:
        """All rows of a table that can be read, and why others cannot; '' if all."""
        try:
            return self.read(f'SELECT * FROM {name} ORDER BY rowid'), ''
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            reason = str(error)
        # From both ends up to what is damaged.
        found = {}
        for order in ('ASC', 'DESC'):
            with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):
                cursor = self._db.execute(
                    f'SELECT rowid AS place, * FROM {name} ORDER BY rowid {order}')
                names = [c[0] for c in cursor.description]
                for values in cursor:
                    found[values[0]] = dict(zip(names[1:], values[1:]))
        return [found[place] for place in sorted(found)], reason

    def write(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Run `work` as one transaction; again from its start after a wait.

        Raises:
          sqlite3.Error: what `work` raises, nothing of it being stored; the file cannot
            be written.
        """
        def transaction() -> _Result:
            self._db.execute('BEGIN IMMEDIATE')
            try:
                result = work(self._db)
                self._db.execute('COMMIT')
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute('ROLLBACK')
                raise
            return result
        return self._patiently(transaction)

    def _patiently(self, work: Callable[[], _Result]) -> _Result:
        told = False
        while True:
            try:
                with self._lock:
                    return work()
            except sqlite3.OperationalError as error:
                if primary_code(error) not in _BUSY:
                    raise
            except UnicodeDecodeError:
                # In the name of a column, or in what SQLite says of the file.
                raise DamagedError('database disk image is malformed') from None
            if not told:
                self._waiting(f'{self._name}: waiting for another program that uses it')
                told = True

    def _reader(self, path: pathlib.Path | None) -> sqlite3.Connection:
        assert path is not None
        try:
            return self._tried('ro', path)
        except sqlite3.OperationalError as error:
            # A killed search left a transaction that a reader cannot take back.
            if primary_code(error) not in _NO_ROOM_TO_RECOVER:
                raise
        try:
            return self._tried('rw', path)
        except sqlite3.OperationalError as error:
            if primary_code(error) not in _NO_ROOM_TO_RECOVER:
                raise
        self._copy = tempfile.TemporaryDirectory(prefix='sparse_jax_study_')
        for part in (path, path.with_name(f'{path.name}-journal')):
            if part.exists():
                shutil.copyfile(part, pathlib.Path(self._copy.name) / part.name)
        return self._tried('rw', pathlib.Path(self._copy.name) / path.name)

    def _tried(self, mode: str, path: pathlib.Path) -> sqlite3.Connection:
        """A connection that has read something."""
        db = self._connect(path, mode)
        try:
            self._patiently(
                lambda: db.execute('SELECT count(*) FROM sqlite_master').fetchone())
        except BaseException:
            db.close()
            raise
        return db

    def _connect(self, path: pathlib.Path | None, mode: str) -> sqlite3.Connection:
        name = ':memory:' if path is None else f'{path.absolute().as_uri()}?mode={mode}'
        db = sqlite3.connect(
            name, uri=path is not None, isolation_level=None,
            timeout=self._patience, check_same_thread=False)
        # Of damaged text the checksum is wrong: reading it must not fail.
        db.text_factory = lambda data: data.decode(errors='replace')
        return db


def primary_code(error: sqlite3.Error) -> int:
    """The code of an error of SQLite, without its details."""
    return getattr(error, 'sqlite_errorcode', 0) & 0xff


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the content of the file is at fault of an error in reading."""
    return isinstance(error, DamagedError) or primary_code(error) in _DAMAGED
