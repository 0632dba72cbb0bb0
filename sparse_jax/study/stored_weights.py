"""The table of weights in a study: which trials have them, and those of one."""

import pathlib
import sqlite3
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection

from sparse_jax.study import database, schema
from sparse_jax.study.database import Database
from sparse_jax.study.names import FILE
from sparse_jax.study.outcome import Weights
from sparse_jax.study.parsing import Reader
from sparse_jax.study.record import StudyError
from sparse_jax.study.weights_file import unpack

DROPPED = b''
"""Stands for weights that nobody needs any more."""
NO_WEIGHTS = (ValueError, TypeError, KeyError, AttributeError, OSError, EOFError,
              MemoryError, RecursionError, NotImplementedError, AssertionError,
              zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError)
"""What reading a damaged archive may raise."""


class StoredWeights:
    """Reads the weights of trials, and drops those that are not needed."""

    def __init__(self, db: Database, reader: Reader, workdir: pathlib.Path):
        self._db, self._reader, self._workdir = db, reader, workdir
        self._numbers: set[int] | None = None

    def numbers(self) -> set[int]:
        """Of the trials whose weights are in the file; it is asked once."""
        if self._numbers is None:
            rows = self._db.read('SELECT trial FROM weights WHERE length(npz) > 0')
            self._numbers = {row['trial'] for row in rows}
        return set(self._numbers)

    def added(self, numbers: Collection[int]) -> None:
        """Trials whose weights were written through this connection."""
        if self._numbers is not None:
            self._numbers.update(numbers)

    def drop(self, needed: Collection[int]) -> None:
        """Keep the weights of some trials alone.

        What is dropped leaves an empty entry, so that nothing looks lost.
        """
        dropped = self.numbers().difference(needed)

        def store(db: sqlite3.Connection) -> None:
            for number in sorted(dropped):
                schema.update(db, 'weights', number, {'npz': DROPPED})

        if dropped:
            self._db.write(store)
            self._numbers = self.numbers() - dropped

    def read(self, number: int) -> Weights | None:
        """The exact weights of a trial, None if it has none.

        Raises:
          StudyError: they are damaged, or were dropped.
        """
        try:
            rows = self._db.read('SELECT * FROM weights WHERE trial=?', (number,))
            if not rows:
                return None
            intact = self._reader.intact('weights', rows[0])
            if intact and rows[0]['npz'] != DROPPED:
                return unpack(rows[0]['npz'])
        except sqlite3.DatabaseError as error:
            if not database.is_damage(error):
                raise
            intact = False
        except NO_WEIGHTS:
            intact = False
        if intact:
            raise StudyError(
                f'trial {number}: its weights were dropped, as nothing in the search '
                'needs them; allowed: a network of the front, one of the best, '
                'launch.retrain without --inherit, or a search with '
                "config.runtime.weights='all'")
        raise StudyError(f'workdir {str(self._workdir)!r}: {FILE}: the weights of '
                         f'trial {number} are damaged')
