"""The parsed rows of a study in memory: only what has changed is read again.

A search asks for its networks after every group. Reading all of them each time would
make the time of a search grow with the square of its trials.
"""

import sqlite3
from collections.abc import Iterable

from sparse_jax.study.database import Database, Values
from sparse_jax.study.parsing import Reader, of_one_length
from sparse_jax.study.record import Record


class CachedRows:
    """Trials, and their networks at other cuts; what other programs write is noticed.

    SQLite tells a connection when another one has changed the file. What the owner of
    this object writes itself it has to say, see `changed`.
    """

    def __init__(self, db: Database, reader: Reader):
        self._db, self._reader = db, reader
        self._version: int | None = None
        self._rows: dict[int, Record] = {}
        self._points: dict[int, list[Record]] = {}
        self._changed: set[int] = set()

    def changed(self, numbers: Iterable[int]) -> None:
        """Trials that were written through this connection."""
        self._changed |= set(numbers)

    def rows(self) -> list[Record]:
        """All trials in order of their number; without damaged ones."""
        self._refresh()
        return of_one_length(self._rows[number] for number in sorted(self._rows))

    def points(self, rows: Iterable[Record]) -> list[Record]:
        """Networks of some of `rows` at other cuts, by trial and offset."""
        return [point for row in rows if row.trained
                for point in self._points.get(row.trial.number, ())]

    def _refresh(self) -> None:
        version = self._db.read('PRAGMA data_version')[0]['data_version']
        if version == self._version:
            try:
                for number in sorted(self._changed):
                    self._read_trial(number)
                self._changed.clear()
                return
            # The file is damaged: what can be read is read from both ends.
            except sqlite3.DatabaseError:
                pass
        self._rows, self._points = {}, {}
        self._take(self._db.table('trials')[0], self._db.table('curves')[0])
        self._changed.clear()
        self._version = version

    def _read_trial(self, number: int) -> None:
        self._rows.pop(number, None)
        self._points.pop(number, None)
        self._take(
            self._db.read('SELECT * FROM trials WHERE number=?', (number,)),
            self._db.read('SELECT * FROM curves WHERE trial=?', (number,)))

    def _take(self, trials: list[Values], curves: list[Values]) -> None:
        for values in trials:
            row = self._reader.record(values)
            if row is not None:
                self._rows[row.trial.number] = row
        found = [point for point in map(self._reader.point, curves)
                 if point is not None and point.trial in self._rows]
        for point in sorted(found, key=lambda point: point[:2]):
            changes = {name: value for name, value in point._asdict().items()
                       if name != 'trial'}
            self._points.setdefault(point.trial, []).append(
                self._rows[point.trial]._replace(
                    float_error=None, predicted=None, **changes))
