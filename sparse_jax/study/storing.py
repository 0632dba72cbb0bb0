"""Outcomes of trials -> the values of their columns."""

import json
from collections.abc import Sequence
from typing import Any

from sparse_jax import status
from sparse_jax.study import learning, schema
from sparse_jax.study.outcome import CurvePoint, Outcome, Trial
from sparse_jax.study.record import PENDING

_DIGITS = 5
"""Of a prediction."""


def suggested_values(
    trial: Trial, point: dict, predicted: Sequence[float] | None
) -> dict[str, Any]:
    """The columns of a trial that is to be trained."""
    return {'number': trial.number, 'status': PENDING,
            'coordinates': json.dumps(list(map(float, trial.row))),
            'point': json.dumps(point), 'parent': trial.parent, 'rung': trial.rung,
            'origin': trial.origin, 'epochs': trial.epochs,
            'predicted': None if predicted is None else json.dumps(
                [float(f'{value:.{_DIGITS}g}') for value in predicted])}


def trial_values(outcome: Outcome) -> dict[str, Any]:
    """The columns of a finished trial."""
    return {'status': status.name(outcome.status),
            'float_error': _known(outcome.float_error),
            'learning': learning.dumps(
                learning.thinned(outcome.loss, outcome.accuracy)),
            'train_seconds': outcome.train_seconds, **_figures(outcome),
            **dict(zip(schema.UNPRUNED, outcome.unpruned or ()))}


def point_values(number: int, point: CurvePoint) -> dict[str, Any]:
    """The columns of a point of a threshold curve."""
    code = status.OK if point.fits else status.OVER_BUDGET
    return {'trial': number, 'offset': point.offset, 'status': status.name(code),
            **_figures(point)}


def _figures(item: Outcome | CurvePoint) -> dict[str, Any]:
    """What trials and points of their curves have alike; what is missing is left
    out."""
    measured = {schema.column(goal): value
                for goal, value in (item.measured or {}).items()}
    return {'error': _known(item.error), **dict(zip(schema.COSTS, item.costs or ())),
            **measured}


def _known(value: float) -> float | None:
    """NaN is what was not measured."""
    return None if value != value else value
