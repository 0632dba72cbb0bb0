"""The objectives of a search as the `Problem` that algorithms see."""

import numpy as np

from sparse_jax.objectives.goals import Objectives
from sparse_jax.types import Problem

REACH = 4.0
"""Improvements count up to so many times the soft bound of a cost."""


def problem_of(objectives: Objectives) -> Problem:
    """Bounds and reference of K objectives; the error's reference is its soft bound."""
    reach = np.where(objectives.log, REACH, 1.0)
    reference = np.array(objectives.bounds) * reach
    return Problem(objectives.bounds, tuple(reference))
