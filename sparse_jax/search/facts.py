"""What is known of a point before it is trained: its network before pruning."""

import functools

import numpy as np

from sparse_jax.acquisition.scoring import Facts
from sparse_jax.objectives.goal import Counted, Goal
from sparse_jax.objectives.goals import Objectives, before_pruning
from sparse_jax.objectives.lower_bounds import bound_of
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space


def facts_of(
    space: Space, objectives: Objectives, rows: np.ndarray, *, prunes: bool
) -> Facts:
    """What is known of canonical rows [N, D]: of K objectives, then of C further costs.

    The surrogate models every cost as a share of the cost before pruning: what pruning
    leaves is learned, what the architecture decides is not. A counted cost lies between
    that of the cheapest path and that before pruning; where both are equal, as always
    without pruning, it is an exact function of the point.
    """
    facts = Facts.nothing(len(rows), len(objectives.used))
    for i, graph in enumerate(encoding.graphs(space, rows)):
        for of_all, of_one in zip(facts, _of_graph(graph, objectives, prunes)):
            of_all[i] = of_one
    return facts


@functools.lru_cache(maxsize=65_536)
def _of_graph(
    graph: Graph, objectives: Objectives, prunes: bool
) -> tuple[list[float], list[float], list[float]]:
    """[K + C] lower bounds, upper bounds and scales."""
    low, high, scale = [0.0], [1.0], [1.0]
    for goal in objectives.used[1:]:
        before = _before(graph, goal, objectives)
        # What grows with a counted cost is not bounded by it.
        known = isinstance(goal.source, Counted)
        bound = bound_of(goal, graph, objectives, prunes) if known else None
        low.append(-np.inf if bound is None else float(bound))
        high.append(before if known else np.inf)
        scale.append(max(before, 1.0))
    return low, high, scale


def _before(graph: Graph, goal: Goal, objectives: Objectives) -> float:
    """A counted goal before pruning, or the one that another grows with; 1 if nothing
    is known."""
    shown = objectives.goal(goal.like) if goal.like else goal
    before = before_pruning(graph, shown, objectives)
    return 1.0 if before is None else float(before)
