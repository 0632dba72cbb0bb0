"""Synthetic multi-objective problems on the unit cube, minimised, with known optima.

Definitions and reference points are BoTorch's (`multi_objective.py` of its test
functions), so that figures can be compared; tests check the maxima.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """One problem; objectives are minimised."""

    dim: int
    function: Callable[[np.ndarray], np.ndarray]
    """x [N, D] in [0, 1] -> [N, K]."""
    reference: np.ndarray
    """[K] reference point of the hypervolume."""
    bounds: np.ndarray
    """[K] what a user would call acceptable: soft bounds of box weights."""
    maximum: float
    """Largest hypervolume."""


def branin_currin(x: np.ndarray) -> np.ndarray:
    """Branin and Currin on the same square."""
    a, b = 15 * x[:, 0] - 5, 15 * x[:, 1]
    branin = ((b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2
              + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10)
    u = x[:, 0]
    rational = (2300 * u**3 + 1900 * u**2 + 2092 * u + 60) / (
        100 * u**3 + 500 * u**2 + 4 * u + 20)
    decay = 1 - np.exp(-0.5 / np.maximum(x[:, 1], 1e-12))
    return np.stack([branin, decay * rational], 1)


def dtlz2(x: np.ndarray, num_objectives: int) -> np.ndarray:
    """A sphere octant; the last D - K + 1 variables are best at 1/2."""
    k = num_objectives
    radius = 1 + ((x[:, k - 1:] - 0.5) ** 2).sum(1)
    angle = x[:, : k - 1] * np.pi / 2
    columns = []
    for i in range(k):
        value = radius * np.cos(angle[:, : k - 1 - i]).prod(1)
        if i:
            value = value * np.sin(angle[:, k - 1 - i])
        columns.append(value)
    return np.stack(columns, 1)


def zdt(x: np.ndarray, number: int) -> np.ndarray:
    """ZDT1 (convex), ZDT2 (concave) and ZDT3 (broken)."""
    f = x[:, 0]
    g = 1 + 9 * x[:, 1:].mean(1)
    ratio = f / g
    if number == 1:
        h = 1 - np.sqrt(ratio)
    elif number == 2:
        h = 1 - ratio**2
    else:
        h = 1 - np.sqrt(ratio) - ratio * np.sin(10 * np.pi * f)
    return np.stack([f, g * h], 1)


def _zdt(number, maximum):
    # One is added to the second objective of ZDT3, which is negative in parts of the
    # front: the box weights of SpArSe are for positive objectives. The reference
    # moves with it and the hypervolume stays.
    shift = float(number == 3)
    return Problem(
        6, lambda x: zdt(x, number) + [0.0, shift], np.array([11.0, 11.0 + shift]),
        np.array([1.1, 1.1 + shift]), maximum)


PROBLEMS = {
    'branin-currin': Problem(
        2, branin_currin, np.array([18.0, 6.0]), np.array([18.0, 6.0]),
        59.36011874867746),
    'dtlz2-m2': Problem(
        6, lambda x: dtlz2(x, 2), np.full(2, 1.1), np.full(2, 1.1), 0.4246018366),
    'dtlz2-m3': Problem(
        6, lambda x: dtlz2(x, 3), np.full(3, 1.1), np.full(3, 1.1), 0.8074012244),
    'zdt1': _zdt(1, 120 + 2 / 3),
    'zdt2': _zdt(2, 120 + 1 / 3),
    'zdt3': _zdt(3, 128.77811613069076),
}
