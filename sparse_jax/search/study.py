"""The study on disk: one SQLite file per workdir, one row per candidate.

Every write is one transaction, so a killed search leaves whole rounds of suggestions
and whole outcomes behind. Nothing is ever unpickled: points and metrics are JSON and
numbers, weights are `.npz` bytes read with `allow_pickle=False`.
"""

import contextlib
import io
import json
import pathlib
import sqlite3
from typing import NamedTuple

import numpy as np

from sparse_jax import status
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search.evaluate import Outcome, Trial, Weights

FILE = 'study.sqlite'
VERSION = '2'
_COSTS = Totals._fields
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trials (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, status TEXT NOT NULL,
  coordinates TEXT NOT NULL, point TEXT NOT NULL, seed INTEGER NOT NULL,
  parent INTEGER, epochs INTEGER NOT NULL, error REAL, float_error REAL,
  {', '.join(f'{c} INTEGER' for c in _COSTS)},
  {', '.join(f'unpruned_{c} INTEGER' for c in _COSTS)},
  accuracy TEXT, train_seconds REAL, finished TEXT);
CREATE TABLE IF NOT EXISTS curves (
  trial INTEGER NOT NULL REFERENCES trials(number), offset REAL NOT NULL,
  error REAL NOT NULL, {', '.join(f'{c} INTEGER NOT NULL' for c in _COSTS)},
  PRIMARY KEY (trial, offset));
CREATE TABLE IF NOT EXISTS weights (
  trial INTEGER PRIMARY KEY REFERENCES trials(number), npz BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS rounds (
  round INTEGER PRIMARY KEY, suggest_seconds REAL, compile_seconds REAL,
  train_seconds REAL, programs INTEGER, hypervolume REAL, info TEXT);
"""
PENDING = 'pending'


class StudyError(ValueError):
    """A workdir that cannot be used; the message is one line."""


class Row(NamedTuple):
    """A stored trial."""

    trial: Trial
    round: int
    status: str
    """'pending' or a name of `sparse_jax.status`."""
    point: dict
    error: float | None
    costs: Totals | None
    unpruned: Totals | None
    train_seconds: float | None
    offset: float | None = None
    """Shift of the cut, for a point of a trial's threshold curve; None for its own."""

    @property
    def name(self) -> str:
        """'12', or '12@-1' for trial 12 pruned at another cut."""
        cut = '' if self.offset is None else f'@{self.offset:g}'
        return f'{self.trial.number}{cut}'

    @property
    def ok(self) -> bool:
        """Whether it was trained, pruned and measured."""
        return self.status == status.NAMES[status.OK]


class Study:
    """Reads and writes a study; the only place that knows its tables."""

    def __init__(self, workdir: str | pathlib.Path, *, create: bool = True):
        """Open the study of a workdir.

        Raises:
          StudyError: missing, unwritable, or not a study of this version.
        """
        self.workdir = pathlib.Path(workdir)
        path = self.workdir / FILE
        if not create and not path.is_file():
            raise StudyError(
                f'workdir {str(workdir)!r}: no study here ({FILE} missing)')
        try:
            self.workdir.mkdir(parents=True, exist_ok=True)
            # Other threads prefetch weights; SQLite serialises them.
            self._db = sqlite3.connect(path, check_same_thread=False)
            if create:
                with self._db:
                    self._db.executescript(_SCHEMA)
            found = self.meta('version')
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, 'strerror', None) or str(error)
            raise StudyError(f'workdir {str(workdir)!r}: {reason}') from None
        if found is None and create:
            self.set_meta('version', VERSION)
        elif found != VERSION:
            raise StudyError(f'workdir {str(workdir)!r}: study version {found}, '
                             f'this program reads {VERSION}')

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def meta(self, key: str) -> str | None:
        """A stored setting."""
        row = self._db.execute('SELECT value FROM meta WHERE key=?', (key,)).fetchone()
        return None if row is None else row[0]

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting."""
        with self._db:
            self._db.execute('INSERT OR REPLACE INTO meta VALUES (?, ?)', (key, value))

    def add_round(self, round_: int, seed: int, trials: list[Trial],
                  points: list[dict], info: dict) -> None:
        """Record the suggestions of a round, all or none."""
        with self._db:
            self._db.executemany(
                'INSERT INTO trials (number, round, status, coordinates, point, seed, '
                'parent, epochs) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
                [(t.number, round_, PENDING, json.dumps(list(map(float, t.row))),
                  json.dumps(point), seed, t.parent, t.epochs)
                 for t, point in zip(trials, points)])
            self._db.execute(
                'INSERT INTO rounds (round, suggest_seconds, info) VALUES (?, ?, ?)',
                (round_, info.pop('suggest_seconds', None), json.dumps(info)))

    def finish_trials(self, outcomes: list[Outcome]) -> None:
        """Record the outcomes of a group, all or none."""
        names = [*_COSTS, *(f'unpruned_{c}' for c in _COSTS)]
        with self._db:
            for o in outcomes:
                numbers = [*(o.costs or [None] * 4), *(o.unpruned or [None] * 4)]
                error, float_error = (
                    None if e != e else e for e in (o.error, o.float_error))
                self._db.execute(
                    'UPDATE trials SET status=?, error=?, float_error=?, accuracy=?, '
                    'train_seconds=?,'
                    f' finished=datetime("now"), {", ".join(f"{n}=?" for n in names)} '
                    'WHERE number=?',
                    (status.name(o.status), error, float_error, json.dumps(o.accuracy),
                     o.train_seconds, *numbers, o.trial.number))
                self._db.executemany(
                    'INSERT OR REPLACE INTO curves VALUES (?, ?, ?, ?, ?, ?, ?)',
                    [(o.trial.number, p.offset, p.error, *p.costs) for p in o.curve])
                if o.weights is not None:
                    self._db.execute('INSERT OR REPLACE INTO weights VALUES (?, ?)',
                                     (o.trial.number, pack(o.weights)))

    def finish_round(self, round_: int, *, compile_seconds: float, train_seconds: float,
                     programs: int, hypervolume: float, info: dict) -> None:
        """Record where the time of a round went, and what it reached."""
        with self._db:
            stored = self._db.execute(
                'SELECT info FROM rounds WHERE round=?', (round_,)).fetchone()
            merged = json.loads(stored[0] or '{}') | info
            self._db.execute(
                'UPDATE rounds SET compile_seconds=?, train_seconds=?, programs=?, '
                'hypervolume=?, info=? WHERE round=?',
                (compile_seconds, train_seconds, programs, hypervolume,
                 json.dumps(merged), round_))

    def rows(self) -> list[Row]:
        """All trials in order of their number."""
        costs = ', '.join([*_COSTS, *(f'unpruned_{c}' for c in _COSTS)])
        found = self._db.execute(
            'SELECT number, coordinates, epochs, parent, round, status, point, error, '
            f'train_seconds, {costs} FROM trials ORDER BY number').fetchall()
        return [self._row(values) for values in found]

    def curve_rows(self) -> list[Row]:
        """Measured trials at other cuts than their own, as rows with an `offset`."""
        own = {row.trial.number: row for row in self.rows() if row.ok}
        found = self._db.execute(
            f'SELECT trial, offset, error, {", ".join(_COSTS)} FROM curves '
            'ORDER BY trial, offset').fetchall()
        return [own[number]._replace(offset=offset, error=error, costs=Totals(*costs))
                for number, offset, error, *costs in found if number in own]

    def networks(self) -> list[Row]:
        """All trials, and every further network that threshold curves offer."""
        return self.rows() + self.curve_rows()

    def rounds(self) -> list[dict]:
        """All rounds as dicts of their columns, `info` decoded."""
        cursor = self._db.execute('SELECT * FROM rounds ORDER BY round')
        names = [c[0] for c in cursor.description]
        rounds = [dict(zip(names, values)) for values in cursor.fetchall()]
        return [r | {'info': json.loads(r['info'] or '{}')} for r in rounds]

    def weights(self, number: int) -> Weights | None:
        """The exact weights of a trial, None if it has none."""
        row = self._db.execute(
            'SELECT npz FROM weights WHERE trial=?', (number,)).fetchone()
        return None if row is None else unpack(row[0])

    @staticmethod
    def _row(values):
        (number, coordinates, epochs, parent, round_, state, point, error, sec,
         *numbers) = values
        split = lambda part: None if part[0] is None else Totals(*part)
        trial = Trial(number, np.array(json.loads(coordinates)), epochs, parent)
        return Row(trial, round_, state, json.loads(point), error,
                   split(numbers[:4]), split(numbers[4:]), sec)


def pack(weights: Weights) -> bytes:
    """Exact trees -> npz bytes with names like 'params/classifier/kernel'."""
    flat = {}
    for part, tree in zip(Weights._fields, weights):
        for name, leaf in tree.items():
            inner = leaf.items() if isinstance(leaf, dict) else [('', leaf)]
            flat |= {f'{part}/{name}/{v}'.rstrip('/'): np.asarray(a) for v, a in inner}
    for path, array in flat.items():
        if array.dtype.hasobject:
            raise TypeError(f'{path}: objects are not stored')
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **flat)
    return buffer.getvalue()


def unpack(data: bytes) -> Weights:
    """npz bytes -> exact trees; refuses pickled arrays."""
    trees = {part: {} for part in Weights._fields}
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        for path in archive.files:
            part, name, *variable = path.split('/')
            if variable:
                trees[part].setdefault(name, {})[variable[0]] = archive[path]
            else:
                trees[part][name] = archive[path]
    return Weights(**trees)


@contextlib.contextmanager
def lock(workdir: str | pathlib.Path):
    """Hold a workdir for one process.

    Raises:
      StudyError: another process holds it, or it cannot be written.
    """
    import fcntl  # POSIX only; imported where it is needed.

    path = pathlib.Path(workdir)
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = open(path / '.lock', 'a')
    except OSError as error:
        raise StudyError(f'workdir {str(workdir)!r}: {error.strerror}') from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StudyError(
                f'workdir {str(workdir)!r}: another search is running in it') from None
        yield
