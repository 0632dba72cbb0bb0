"""The parsed rows of a study in memory: only what has changed is read again.

A search asks for its networks after every group. Reading all of them each time would
make the time of a search grow with the square of its trials. SQLite tells a connection
when another one has changed the file; what the owner of these objects writes itself it
has to say, see `changed`.
"""

import collections
import sqlite3
from collections.abc import Iterable

from sparse_jax.study.database import Database, Values
from sparse_jax.study.parsing import Reader
from sparse_jax.study.record import PENDING, Record, RoundRecord


class CachedRows:
    """Trials, and their networks at other cuts."""

    def __init__(self, db: Database, reader: Reader):
        self._db, self._reader = db, reader
        self._version: int | None = None
        self._rows: dict[int, Record] = {}
        self._points: dict[int, list[Record]] = {}
        self._lengths: collections.Counter[int] = collections.Counter()
        self._rounds: dict[int, set[int]] = {}
        self._pending: set[int] = set()
        self._last = -1
        self._changed: set[int] = set()

    def changed(self, numbers: Iterable[int]) -> None:
        """Trials that were written through this connection."""
        self._changed |= set(numbers)

    def rows(self) -> list[Record]:
        """All trials in order of their number; without damaged ones."""
        self._refresh()
        return self._plausible(sorted(self._rows))

    def some(self, numbers: Iterable[int]) -> list[Record]:
        """Those of `rows` that have some numbers; the others are not looked at."""
        self._refresh()
        return self._plausible(sorted(self._rows.keys() & set(numbers)))

    def of_round(self, round_: int) -> list[Record]:
        """Those of `rows` that a round suggested."""
        self._refresh()
        return self._plausible(sorted(self._rounds.get(round_, ())))

    def pending(self) -> list[Record]:
        """Those of `rows` that are to be trained."""
        self._refresh()
        return self._plausible(sorted(self._pending))

    def next_number(self) -> int:
        """One more than the last trial has."""
        self._refresh()
        return 1 + self._last

    def points(self, rows: Iterable[Record]) -> list[Record]:
        """Networks of some of `rows` at other cuts, by trial and offset."""
        return [point for row in rows if row.trained
                for point in self._points.get(row.trial.number, ())]

    def _plausible(self, numbers: Iterable[int]) -> list[Record]:
        """Records by their numbers, without those of damaged coordinates: with another
        number of them than most."""
        found = [self._rows[number] for number in numbers]
        if len(self._lengths) < 2:
            return found
        length = self._lengths.most_common(1)[0][0]
        return [row for row in found if len(row.trial.row) == length]

    def _refresh(self) -> None:
        version = _version(self._db)
        if version == self._version:
            try:
                for number in sorted(self._changed):
                    self._read_trial(number)
                self._changed.clear()
                return
            # The file is damaged: what can be read is read from both ends.
            except sqlite3.DatabaseError:
                pass
        self._rows, self._points, self._rounds = {}, {}, {}
        self._pending.clear()
        self._lengths.clear()
        self._last = -1
        self._take(self._db.table('trials')[0], self._db.table('curves')[0])
        self._changed.clear()
        self._version = version

    def _read_trial(self, number: int) -> None:
        self._forget(number)
        self._take(
            self._db.read('SELECT * FROM trials WHERE number=?', (number,)),
            self._db.read('SELECT * FROM curves WHERE trial=?', (number,)))

    def _forget(self, number: int) -> None:
        self._points.pop(number, None)
        self._pending.discard(number)
        row = self._rows.pop(number, None)
        if row is not None:
            self._rounds[row.round].discard(number)
            self._lengths -= collections.Counter([len(row.trial.row)])

    def _take(self, trials: list[Values], curves: list[Values]) -> None:
        for values in trials:
            row = self._reader.record(values)
            if row is not None:
                number = row.trial.number
                self._rows[number], self._last = row, max(self._last, number)
                self._rounds.setdefault(row.round, set()).add(number)
                self._lengths[len(row.trial.row)] += 1
                if row.status == PENDING:
                    self._pending.add(number)
        found = [point for point in map(self._reader.point, curves)
                 if point is not None and point.trial in self._rows]
        for point in sorted(found, key=lambda point: point[:2]):
            changes = {name: value for name, value in point._asdict().items()
                       if name != 'trial'}
            self._points.setdefault(point.trial, []).append(
                self._rows[point.trial]._replace(
                    float_error=None, predicted=None, **changes))


class CachedRounds:
    """Rounds, in their order."""

    def __init__(self, db: Database, reader: Reader):
        self._db, self._reader = db, reader
        self._version: int | None = None
        self._rounds: dict[int, RoundRecord] = {}
        self._changed: set[int] = set()

    def changed(self, round_: int) -> None:
        """A round that was written through this connection."""
        self._changed.add(round_)

    def rounds(self) -> list[RoundRecord]:
        """All of them; without damaged ones."""
        version = _version(self._db)
        if version != self._version:
            self._rounds, self._version = {}, version
            self._take(self._db.table('rounds')[0])
        else:
            for round_ in sorted(self._changed):
                self._rounds.pop(round_, None)
                self._take(self._db.read(
                    'SELECT * FROM rounds WHERE round=?', (round_,)))
        self._changed.clear()
        return [self._rounds[round_] for round_ in sorted(self._rounds)]

    def _take(self, rows: list[Values]) -> None:
        for record in map(self._reader.round, rows):
            if record is not None:
                self._rounds[record.round] = record


def _version(db: Database) -> int:
    """Changes when another connection has written to the file."""
    return db.read('PRAGMA data_version')[0]['data_version']
