"""The study on disk: one SQLite file per workdir, one row per candidate.

Every write is one transaction, so a killed search leaves whole rounds of suggestions
and whole outcomes behind. Nothing is ever unpickled: points and metrics are JSON and
numbers, weights are `.npz` bytes read with `allow_pickle=False`.
"""

import json
import pathlib
import sqlite3
from typing import NamedTuple

import numpy as np

from sparse_jax import status
from sparse_jax.objectives.goal import BOARD, GOALS
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.study.outcome import Outcome, Trial, Weights
from sparse_jax.study.weights_file import pack, unpack

FILE = 'study.sqlite'
VERSION = '3'
_COSTS = Totals._fields
_BOARD = BOARD
_MEASURED = ('error', *_COSTS, *_BOARD)
"""What trials and points of their curves have alike."""
_BOARD_COLUMNS = ', '.join(
    f'{name} {"INTEGER" if GOALS[name].whole else "REAL"}' for name in _BOARD)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trials (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, status TEXT NOT NULL,
  coordinates TEXT NOT NULL, point TEXT NOT NULL, seed INTEGER NOT NULL,
  parent INTEGER, epochs INTEGER NOT NULL, error REAL, float_error REAL,
  {', '.join(f'{c} INTEGER' for c in _COSTS)},
  {_BOARD_COLUMNS},
  {', '.join(f'unpruned_{c} INTEGER' for c in _COSTS)},
  accuracy TEXT, train_seconds REAL, finished TEXT);
CREATE TABLE IF NOT EXISTS curves (
  trial INTEGER NOT NULL REFERENCES trials(number), offset REAL NOT NULL,
  status TEXT NOT NULL, error REAL NOT NULL,
  {', '.join(f'{c} INTEGER NOT NULL' for c in _COSTS)},
  {_BOARD_COLUMNS},
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
    measured: dict[str, float] | None = None
    """{goal: figure}; None unless an objective or a budget needed one."""
    float_error: float | None = None
    """Error before quantisation, where `error` is that of the int8 network; None for
    points of threshold curves."""

    @property
    def name(self) -> str:
        """'12', or '12@-1' for trial 12 pruned at another cut."""
        cut = '' if self.offset is None else f'@{self.offset:g}'
        return f'{self.trial.number}{cut}'

    @property
    def ok(self) -> bool:
        """Whether it was trained, pruned, measured and found within the budgets."""
        return self.status == status.NAMES[status.OK]

    @property
    def empty(self) -> bool:
        """Whether pruning left nothing of it at this cut."""
        return self.status == status.NAMES[status.EMPTY]

    @property
    def trained(self) -> bool:
        """Whether it has weights: also if it then was over a budget."""
        return self.error is not None


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
        names = [*_MEASURED, *(f'unpruned_{c}' for c in _COSTS)]
        marks = ', '.join('?' * (3 + len(_MEASURED)))
        with self._db:
            for o in outcomes:
                float_error = None if o.float_error != o.float_error else o.float_error
                self._db.execute(
                    'UPDATE trials SET status=?, float_error=?, accuracy=?, '
                    'train_seconds=?,'
                    f' finished=datetime("now"), {", ".join(f"{n}=?" for n in names)} '
                    'WHERE number=?',
                    (status.name(o.status), float_error, json.dumps(o.accuracy),
                     o.train_seconds, *_figures(o),
                     *(o.unpruned or [None] * len(_COSTS)), o.trial.number))
                self._db.executemany(
                    f'INSERT OR REPLACE INTO curves (trial, offset, status, '
                    f'{", ".join(_MEASURED)}) VALUES ({marks})',
                    [(o.trial.number, p.offset, _curve_status(p), *_figures(p))
                     for p in o.curve])
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
        names = ', '.join([*_MEASURED, *(f'unpruned_{c}' for c in _COSTS)])
        found = self._db.execute(
            'SELECT number, coordinates, epochs, parent, round, status, point, '
            f'train_seconds, float_error, {names} FROM trials ORDER BY number'
        ).fetchall()
        return [self._row(values) for values in found]

    def curve_rows(self) -> list[Row]:
        """Trained trials at other cuts than their own, as rows with an `offset`."""
        own = {row.trial.number: row for row in self.rows() if row.trained}
        found = self._db.execute(
            f'SELECT trial, offset, status, {", ".join(_MEASURED)} FROM curves '
            'ORDER BY trial, offset').fetchall()
        return [own[number]._replace(offset=offset, status=state, float_error=None,
                                     **_measured(figures))
                for number, offset, state, *figures in found if number in own]

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
        (number, coordinates, epochs, parent, round_, state, point, seconds,
         float_error, *figures) = values
        unpruned = figures[len(_MEASURED):]
        trial = Trial(number, np.array(json.loads(coordinates)), epochs, parent)
        return Row(trial, round_, state, json.loads(point), train_seconds=seconds,
                   unpruned=_tuple(Totals, unpruned), float_error=float_error,
                   **_measured(figures[:len(_MEASURED)]))


def _figures(item):
    """`_MEASURED` of an outcome or a curve point; NaN and what is missing are None."""
    error = None if item.error != item.error else item.error
    return (error, *(item.costs or [None] * len(_COSTS)),
            *((item.measured or {}).get(name) for name in _BOARD))


def _measured(figures):
    """The fields of a row that hold `_MEASURED`."""
    return {'error': figures[0],
            'costs': _tuple(Totals, figures[1:1 + len(_COSTS)]),
            'measured': {name: value for name, value in zip(
                _BOARD, figures[1 + len(_COSTS):]) if value is not None} or None}


def _tuple(kind, values):
    return None if values[0] is None else kind(*values)


def _curve_status(point):
    return status.name(status.OK if point.fits else status.OVER_BUDGET)
