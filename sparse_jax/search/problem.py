"""The objectives and hard budgets of a search as the `Problem` that algorithms see."""

import numpy as np

from sparse_jax.objectives.goals import Objectives
from sparse_jax.types import Problem

REACH = 4.0
"""Improvements count up to so many times the soft bound of a cost, or its hard budget
where that is less."""


def further_costs(objectives: Objectives) -> tuple[str, ...]:
    """[C] the costs with a hard budget that are no objectives."""
    return tuple(goal.name for goal in objectives.used[len(objectives.names):])


def error_alone(objectives: Objectives) -> Objectives:
    """The same hard budgets, and no objective but the error."""
    return objectives._replace(
        names=objectives.names[:1], bounds=objectives.bounds[:1])


def problem_of(objectives: Objectives) -> Problem:
    """Bounds, reference and budgets of K objectives and C further costs; the error's
    reference is its soft bound."""
    most = dict(objectives.budgets)
    budgets = tuple(
        most.get(goal.name, np.inf) for goal in objectives.used) if most else ()
    least = [min(bound, most.get(name, np.inf))
             for name, bound in zip(objectives.names, objectives.bounds)]
    reference = np.array(least) * np.where(objectives.log, REACH, 1.0)
    return Problem(objectives.bounds, tuple(reference), budgets)
