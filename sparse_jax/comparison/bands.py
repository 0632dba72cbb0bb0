"""Curves of several seeds as one: the median and the range at every place."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Curve(NamedTuple):
    """Steps: a value holds from its place to the next one."""

    x: np.ndarray
    """[R] ascending."""
    y: np.ndarray
    """[R]"""


class Band(NamedTuple):
    """Several curves at the places where one of them changes."""

    x: np.ndarray
    """[P] ascending, from where all curves have a value."""
    median: np.ndarray
    """[P]"""
    least: np.ndarray
    """[P]"""
    most: np.ndarray
    """[P]"""


def band(curves: Sequence[Curve]) -> Band:
    """The median and the range of curves, from where the last of them begins; a search
    that has ended keeps what it had. Empty if a curve is."""
    known = [curve for curve in curves if len(curve.x)]
    if not known or len(known) < len(curves):
        return Band(*(np.zeros(0),) * 4)
    start = max(curve.x[0] for curve in known)
    places = np.unique(np.concatenate([curve.x for curve in known]))
    places = places[places >= start]
    values = np.array([at(curve, places) for curve in known]).reshape(
        len(known), len(places))
    return Band(places, np.median(values, axis=0), values.min(axis=0),
                values.max(axis=0))


def at(curve: Curve, places: np.ndarray) -> np.ndarray:
    """The values [P] of a curve at places [P] at or after its begin."""
    return curve.y[np.searchsorted(curve.x, places, side='right') - 1]
