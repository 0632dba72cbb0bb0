"""Rows of a study's file -> records; what is damaged is named and left out."""

import collections
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.study.database import Values
from sparse_jax.study.outcome import Trial
from sparse_jax.study.record import STATUSES, Record, RoundRecord
from sparse_jax.study.schema import CHECK, COSTS, UNPRUNED, checksum, goal_of

_FAULTS = (ValueError, TypeError, KeyError, AttributeError, OverflowError,
           RecursionError)
"""What parsing damaged values may raise."""
_Parsed = TypeVar('_Parsed')


class Point(NamedTuple):
    """A stored point of a threshold curve."""

    trial: int
    offset: float
    status: str
    error: float
    costs: Totals
    measured: dict[str, float] | None


class Reader:
    """Parses rows, remembering those that it has seen: a search reads its study often.

    Rows whose checksum is wrong, or that no search could have written, are left out.
    """

    def __init__(self, *, sealed: bool):
        """sealed: whether rows have checksums, as they have since version 4."""
        self._sealed = sealed
        self._known: dict[tuple, tuple[Any, Any]] = {}

    def record(self, values: Values) -> Record | None:
        """A row of `trials`; None if it is damaged."""
        return self._parsed('trials', (values.get('number'),), values, record)

    def point(self, values: Values) -> Point | None:
        """A row of `curves`; None if it is damaged."""
        key = (values.get('trial'), values.get('offset'))
        return self._parsed('curves', key, values, point)

    def round(self, values: Values) -> RoundRecord | None:
        """A row of `rounds`; None if it is damaged."""
        return self._parsed('rounds', (values.get('round'),), values, round_record)

    def intact(self, table: str, values: Values) -> bool:
        """Whether the checksum of a row is right."""
        return not self._sealed or values.get(CHECK) == checksum(table, values)

    def _parsed(self, table: str, key: tuple, values: Values,
                how: Callable[[Values], _Parsed]) -> _Parsed | None:
        """A row as `how` reads it; None if it is damaged."""
        mark = values.get(CHECK)
        if mark is not None and self._known.get((table, key), (None,))[0] == mark:
            return self._known[table, key][1]
        if not self.intact(table, values):
            return None
        try:
            found = how(values)
        except _FAULTS:
            return None
        self._known[table, key] = mark, found
        return found


def record(values: Values) -> Record:
    """A row of `trials`.

    Raises:
      ValueError, TypeError, KeyError: no search has written it.
    """
    coordinates = np.array(json.loads(values['coordinates']), float)
    if coordinates.ndim != 1 or not ((coordinates >= 0) & (coordinates <= 1)).all():
        raise ValueError('coordinates outside of 0 to 1')
    point = json.loads(values['point'])
    _require(isinstance(point, dict) and values['status'] in STATUSES)
    trial = _trial(values, coordinates)
    _require(isinstance(values['round'], int) and values['round'] >= 0)
    return Record(
        trial, values['round'], values['status'], point, _error(values['error']),
        _totals(values, COSTS), _totals(values, UNPRUNED),
        _number(values['train_seconds']), None, _measured(values),
        _error(values['float_error']), _predicted(values.get('predicted')))


def _predicted(text: str | None) -> tuple[float, ...] | None:
    """What was expected of the objectives; older studies do not have it."""
    if text is None:
        return None
    found = json.loads(text)
    _require(isinstance(found, list) and all(
        isinstance(value, int | float) and math.isfinite(value) for value in found))
    return tuple(map(float, found))


def _trial(values: Values, coordinates: np.ndarray) -> Trial:
    """What was to be trained; older studies have no rungs."""
    parent, origin = values['parent'], values.get('origin')
    number, epochs, rung = values['number'], values['epochs'], values.get('rung') or 0
    _require(all(isinstance(value, int) and value >= 0
                 for value in (number, epochs, rung)))
    _require(parent is None or isinstance(parent, int))
    _require(origin is None or isinstance(origin, int) and 0 <= origin < number)
    return Trial(number, coordinates, epochs, parent, rung, origin)


def point(values: Values) -> Point:
    """A row of `curves`.

    Raises:
      ValueError, TypeError, KeyError: no search has written it.
    """
    error, costs = _error(values['error']), _totals(values, COSTS)
    offset = _number(values['offset'])
    if error is None or costs is None or offset is None:
        raise ValueError('a point without figures')
    _require(isinstance(values['trial'], int) and values['status'] in STATUSES)
    return Point(values['trial'], offset, values['status'], error, costs,
                 _measured(values))


def round_record(values: Values) -> RoundRecord:
    """A row of `rounds`.

    Raises:
      ValueError, TypeError, KeyError: no search has written it.
    """
    info = json.loads(values['info'] or '{}')
    _require(isinstance(values['round'], int) and isinstance(info, dict))
    _require(values['programs'] is None or isinstance(values['programs'], int))
    suggest, compile_, train = (_number(values[f'{name}_seconds'])
                                for name in ('suggest', 'compile', 'train'))
    return RoundRecord(values['round'], suggest, compile_, train, values['programs'],
                       _number(values['hypervolume']), info)


def of_one_length(records: Iterable[Record]) -> list[Record]:
    """Those with as many coordinates as most have."""
    records = list(records)
    counts = collections.Counter(len(row.trial.row) for row in records)
    return [row for row in records
            if len(row.trial.row) == counts.most_common(1)[0][0]]


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError('not written by a search')


def _number(value: Any) -> float | None:
    _require(value is None or isinstance(value, int | float))
    _require(value is None or math.isfinite(value))
    return value


def _error(value: Any) -> float | None:
    error = _number(value)
    _require(error is None or 0 <= error <= 1)
    return error


def _totals(values: Values, names: Sequence[str]) -> Totals | None:
    """Counts under these names; None if there are none."""
    # A count that was added to the library later is 0 in older studies.
    found = [values.get(name) for name in names]
    if found[0] is None:
        return None
    _require(all(value is None or isinstance(value, int) and value >= 0
                 for value in found))
    return Totals(*(value or 0 for value in found))


def _measured(values: Values) -> dict[str, float] | None:
    """{goal: figure} of those that are stored."""
    found = {goal: value for name, value in values.items()
             if (goal := goal_of(name)) is not None and value is not None}
    _require(all(isinstance(v, int | float) for v in found.values()))
    return found or None
