"""How a training went, epoch by epoch: what is stored of it, and read again."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

MOST = 64
"""Epochs that are stored; of longer trainings evenly spaced ones."""
_DIGITS = 5
"""Of every figure."""
_FAULTS = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""What damaged text may raise."""


class Learning(NamedTuple):
    """Loss and accuracy on training images while they trained, before pruning."""

    epoch: tuple[int, ...] = ()
    """[E] counted from 1; the first and the last of the training are among them."""
    loss: tuple[float, ...] = ()
    """[E] mean cross-entropy in nats; NaN where it was not finite or is not known."""
    accuracy: tuple[float, ...] = ()
    """[E] share of right answers."""


def thinned(loss: Sequence[float], accuracy: Sequence[float]) -> Learning:
    """A training at no more than `MOST` of its epochs.

    Args:
      loss: [N] of every epoch; none if it is not known.
      accuracy: [N] of every epoch.
    """
    loss = loss or [math.nan] * len(accuracy)
    places = np.unique(np.linspace(
        0, len(accuracy) - 1, min(MOST, len(accuracy))).round().astype(int))
    return Learning(tuple(int(i) + 1 for i in places),
                    tuple(_short(loss[i]) for i in places),
                    tuple(_short(accuracy[i]) for i in places))


def dumps(learning: Learning) -> str:
    """As a column of the study has it: JSON, null for NaN."""
    plain = {name: [None if value != value else value for value in values]
             for name, values in learning._asdict().items()}
    return json.dumps(plain, separators=(',', ':'))


def parse(values: Mapping[str, Any]) -> Learning:
    """Of a row of `trials`; empty if it has none, or damaged text."""
    try:
        text = values.get('learning')
        if text is None:
            # Older studies have the accuracy of every epoch, and nothing else.
            shares = tuple(map(float, json.loads(values.get('accuracy') or '[]')))
            found = Learning(tuple(range(1, len(shares) + 1)),
                             (math.nan,) * len(shares), shares)
        else:
            tree = json.loads(text)
            number = lambda value: math.nan if value is None else float(value)
            found = Learning(tuple(map(int, tree['epoch'])),
                             tuple(map(number, tree['loss'])),
                             tuple(map(number, tree['accuracy'])))
    except _FAULTS:
        return Learning()
    fine = len({len(part) for part in found}) == 1 and all(
        share != share or 0 <= share <= 1 for share in found.accuracy)
    return found if fine and list(found.epoch) == sorted(set(found.epoch)) else (
        Learning())


def _short(value: float) -> float:
    """Rounded to so many digits that a picture shows; NaN if it is not finite."""
    return float(f'{value:.{_DIGITS}g}') if math.isfinite(value) else math.nan
