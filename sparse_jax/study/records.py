"""The study on disk: one SQLite file per workdir, one row per candidate.

Every write is one transaction, so a killed search leaves whole rounds of suggestions
and whole outcomes behind. Nothing is ever unpickled: points and metrics are JSON and
numbers, weights are `.npz` bytes read with `allow_pickle=False`. Every row has a
checksum; what is damaged is named, what is left can be read.
"""

import contextlib
import itertools
import json
import os
import pathlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence

from sparse_jax.study import damage, database, learning, parsing, schema, storing
from sparse_jax.study.cached_rows import CachedRounds, CachedRows
from sparse_jax.study.database import Database, tell
from sparse_jax.study.learning import Learning
from sparse_jax.study.names import FILE
from sparse_jax.study.outcome import Outcome, Trial, Weights
from sparse_jax.study.record import (
    PENDING,
    Record,
    RoundRecord,
    StudyError,
    StudyWarning,
)
from sparse_jax.study.schema import VERSION
from sparse_jax.study.stored_weights import StoredWeights
from sparse_jax.study.weights_file import pack

__all__ = ['FILE', 'PENDING', 'VERSION', 'Record', 'RoundRecord', 'Study', 'StudyError',
           'StudyWarning']
_MOST_LINES = 5
"""Damages that are told one by one."""


class Study:
    """Reads and writes a study; the only place that knows its tables."""

    def __init__(self, workdir: str | os.PathLike[str], *, create: bool = True,
                 patience: float = database.PATIENCE,
                 waiting: Callable[[str], None] = tell):
        """Open the study of a workdir.

        Args:
          workdir: its folder.
          create: to go on with it; it is made if there is none, and refused if a part
            of it is damaged. Otherwise the file is only read, and damages are
            warnings.
          patience: seconds before `waiting` is told that another program holds the
            file; the study waits as long as that takes.
          waiting: takes one line.

        Raises:
          StudyError: missing, unwritable, damaged, or not a study of this version; the
            file is as it was.
        """
        self.workdir = pathlib.Path(workdir)
        self._path = self.workdir / FILE
        self._how = {'patience': patience, 'waiting': waiting}
        with self._refusals():
            if not create and not self._path.is_file():
                raise StudyError(f'workdir {str(workdir)!r}: no study here '
                                 f'({FILE} missing)')
            found = self._check_version()
            self._db = self._opened(create, found)
            try:
                self._reader = parsing.Reader(sealed=found != '3')
                self.damage: list[str] = damage.find(
                    self._db, self._reader, deep=create)
                self._tell_damage(create)
                self._upgrade(create, found)
                self._rows = CachedRows(self._db, self._reader)
                self._rounds = CachedRounds(self._db, self._reader)
                self._weights = StoredWeights(self._db, self._reader, self.workdir)
            except BaseException:
                self._db.close()
                raise

    def _opened(self, create: bool, version: str | None) -> Database:
        if not create and version is not None:
            return Database(self._path, writable=False, **self._how)
        if create:
            self.workdir.mkdir(parents=True, exist_ok=True)
        # A kill may come between making the file and its tables: nothing to read.
        db = Database(self._path if create else None, writable=True, **self._how)

        def prepare(connection: sqlite3.Connection) -> None:
            schema.make(connection)
            schema.put(connection, 'meta', {'key': 'version', 'value': VERSION})

        if version is None:
            db.write(prepare)
        return db

    def _upgrade(self, create: bool, version: str | None) -> None:
        """Make an intact older study one of this version, where it is to go on."""
        if create and version is not None and version != VERSION:
            self._db.write(lambda connection: schema.upgrade(connection, version))
            self._reader = parsing.Reader(sealed=True)

    def _check_version(self) -> str | None:
        """Of the study; None if there is none yet.

        Raises:
          StudyError: this program does not read it.
        """
        if not self._path.exists():
            return None
        with contextlib.closing(
                Database(self._path, writable=False, **self._how)) as db:
            if not db.read('SELECT name FROM sqlite_master'):
                return None
            rows = db.read("SELECT * FROM meta WHERE key='version'")
        row = rows[0] if rows else {}
        found = row.get('value')
        if schema.CHECK in row and row[schema.CHECK] != schema.checksum('meta', row):
            raise StudyError(f'workdir {str(self.workdir)!r}: {FILE}: the version '
                             f'{found!r:.20} is damaged')
        if found not in schema.READABLE:
            raise StudyError(f'workdir {str(self.workdir)!r}: study version {found}, '
                             f'this program reads {", ".join(schema.READABLE)}')
        return found

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """What the disk or the file is at fault of, as one line."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = (f'{FILE}: {" ".join(str(error).split())}'
                      if isinstance(error, sqlite3.Error) else error.strerror)
            raise StudyError(f'workdir {str(self.workdir)!r}: {reason}') from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def meta(self, key: str) -> str | None:
        """A stored setting; None if there is none, or it is damaged."""
        try:
            rows = self._db.read('SELECT * FROM meta WHERE key=?', (key,))
        except sqlite3.DatabaseError as error:
            if not database.is_damage(error):
                raise
            return None
        intact = rows and self._reader.intact('meta', rows[0])
        return rows[0]['value'] if intact else None

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting; also in a study that is open to be read.

        Raises:
          StudyError: the file cannot be written.
        """
        store = lambda db: schema.put(
            db, 'meta', {'key': key, 'value': value}, verb='INSERT OR REPLACE')
        if self._db.writable:
            self._db.write(store)
            return
        with self._refusals(), contextlib.closing(
                Database(self._path, writable=True, **self._how)) as db:
            db.write(store)

    def add_round(self, round_: int, seed: int, trials: list[Trial],
                  points: list[dict], info: dict,
                  predicted: Sequence[Sequence[float]] = ()) -> None:
        """Record the suggestions of a round, all or none.

        predicted: what was expected of the objectives of the first of the trials.
        """
        info = dict(info)
        seconds = info.pop('suggest_seconds', None)

        def store(db: sqlite3.Connection) -> None:
            for trial, point, told in itertools.zip_longest(trials, points, predicted):
                schema.put(db, 'trials', {
                    'round': round_, 'seed': seed,
                    **storing.suggested_values(trial, point, told)})
            schema.put(db, 'rounds', {
                'round': round_, 'trials': len(trials), 'suggest_seconds': seconds,
                'info': json.dumps(info)})

        self._db.write(store)
        self._rows.changed(trial.number for trial in trials)
        self._rounds.changed(round_)

    def finish_trials(self, outcomes: list[Outcome]) -> None:
        """Record the outcomes of a group, all or none."""
        blobs = {o.trial.number: pack(o.weights) for o in outcomes
                 if o.weights is not None}

        def store(db: sqlite3.Connection) -> None:
            for outcome in outcomes:
                number = outcome.trial.number
                schema.update(db, 'trials', number, storing.trial_values(outcome) | {
                    'finished': db.execute("SELECT datetime('now')").fetchone()[0]})
                for point in outcome.curve:
                    schema.put(db, 'curves', storing.point_values(number, point),
                               verb='INSERT OR REPLACE')
                if number in blobs:
                    schema.put(db, 'weights', {'trial': number, 'npz': blobs[number]},
                               verb='INSERT OR REPLACE')

        self._db.write(store)
        self._rows.changed(outcome.trial.number for outcome in outcomes)
        self._weights.added(blobs)

    def finish_round(self, round_: int, *, compile_seconds: float, train_seconds: float,
                     programs: int, hypervolume: float, info: dict) -> None:
        """Record where the time of a round went, and what it reached."""
        def store(db: sqlite3.Connection) -> None:
            stored = db.execute(
                'SELECT info FROM rounds WHERE round=?', (round_,)).fetchone()
            schema.update(db, 'rounds', round_, {
                'compile_seconds': compile_seconds, 'train_seconds': train_seconds,
                'programs': programs, 'hypervolume': hypervolume,
                'info': json.dumps(json.loads(stored[0] or '{}') | info)})

        self._db.write(store)
        self._rounds.changed(round_)

    def stored_weights(self) -> set[int]:
        """Numbers of the trials whose weights are in the file."""
        return self._weights.numbers()

    def drop_weights(self, needed: Collection[int]) -> None:
        """Make room: of the weights that are stored keep those of some trials alone."""
        self._weights.drop(needed)

    def weights(self, number: int) -> Weights | None:
        """The exact weights of a trial, None if it has none.

        Raises:
          StudyError: they are damaged, or were dropped.
        """
        return self._weights.read(number)

    def rows(self) -> list[Record]:
        """All trials in order of their number; without damaged ones."""
        return self._rows.rows()

    def pending(self) -> list[Record]:
        """Trials that are to be trained, in order of their number."""
        return self._rows.pending()

    def next_number(self) -> int:
        """Of the next trial that is suggested."""
        return self._rows.next_number()

    def curve_rows(self) -> list[Record]:
        """Trained trials at other cuts than their own, as records with an `offset`."""
        return self._rows.points(self.rows())

    def networks(self, numbers: Collection[int] | None = None) -> list[Record]:
        """All trials, and every further network that threshold curves offer.

        Args:
          numbers: only of these trials; others are not looked at.
        """
        rows = self.rows() if numbers is None else self._rows.some(numbers)
        return rows + self._rows.points(rows)

    def of_round(self, round_: int) -> list[Record]:
        """As `networks`, of one round."""
        rows = self._rows.of_round(round_)
        return rows + self._rows.points(rows)

    def rounds(self) -> list[RoundRecord]:
        """All rounds in their order; without damaged ones."""
        return self._rounds.rounds()

    def learning(self, number: int) -> Learning:
        """Loss and accuracy on training images by epoch of a trial; empty if the file
        does not have them."""
        try:
            rows = self._db.read('SELECT * FROM trials WHERE number=?', (number,))
            if rows and self._reader.intact('trials', rows[0]):
                return learning.parse(rows[0])
        except sqlite3.DatabaseError as error:
            if not database.is_damage(error):
                raise
        return Learning()

    def _tell_damage(self, refuse: bool) -> None:
        if not self.damage:
            return
        lines = self.damage[:_MOST_LINES]
        if len(self.damage) > len(lines):
            lines.append(f'and {len(self.damage) - len(lines)} more')
        text = f'workdir {str(self.workdir)!r}: {FILE}: {"; ".join(lines)}'
        if refuse:
            raise StudyError(f'{text}; the rest can be read, but not continued')
        tell(f'{text}; the rest is read')
