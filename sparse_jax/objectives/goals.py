"""What a search minimises and what it must not exceed, of any stored network.

`objectives.goal` is the table of what there is; this is the choice of one search, and
the figures, fronts and rankings that follow from it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from sparse_jax.objectives import graph_costs, pareto
from sparse_jax.objectives.goal import (
    BOARD,
    COSTS,
    ERROR,
    GOALS,
    Counted,
    Goal,
    Validation,
    find_goal,
)
from sparse_jax.space.architecture import Graph

DEFAULT = (ERROR, 'model_size', 'working_memory')
_SPAN = 16.0
"""The hypervolume is bounded at so many times the soft bound of a cost."""
Network = TypeVar('Network')
"""Anything with `error`, `costs` (Totals), `measured` ({goal: figure}) and `ok`:
records of a study, outcomes of trials, points of threshold curves."""
Limits = tuple[tuple[str, float], ...]
"""(field of `Totals` that a training program counts, the most of it)."""


class Objectives(NamedTuple):
    """The objectives of a search, K in all, and its hard budgets."""

    names: tuple[str, ...] = DEFAULT
    """[K] names of goals; the first is 'error'."""
    bounds: tuple[float, ...] = (0.1, 2048.0, 2048.0)
    """[K] soft bounds of the scalarization, in the unit of each."""
    chance: float = 1.0
    """Error of guessing: where the hypervolume is bounded."""
    memory: str = 'working_memory'
    """Field of `Totals` that the cost 'working_memory' is."""
    budgets: tuple[tuple[str, float], ...] = ()
    """(cost, the most that a network may have): hard."""
    own: tuple[Goal, ...] = ()
    """Goals of a person's own among `names` and `budgets`."""

    def goal(self, name: str) -> Goal:
        """The record of a goal of this search."""
        return next((goal for goal in self.own if goal.name == name), None
                    ) or GOALS[name]

    def field(self, goal: Goal) -> str:
        """Of `Totals`, of a goal that the training program counts."""
        assert isinstance(goal.source, Counted) and isinstance(goal.source.rule, str)
        return self.memory if goal.name == 'working_memory' else goal.source.rule

    @property
    def costs(self) -> tuple[Goal, ...]:
        """[K - 1] the objectives beside the error."""
        return tuple(self.goal(name) for name in self.names[1:])

    @property
    def used(self) -> tuple[Goal, ...]:
        """All objectives and everything with a budget, each once."""
        names = (*self.names, *(name for name, _ in self.budgets))
        return tuple(self.goal(name) for name in dict.fromkeys(names))

    @property
    def log(self) -> tuple[bool, ...]:
        """[K] which enter the hypervolume as their logarithm: all costs."""
        return tuple(name != ERROR for name in self.names)

    @property
    def reference(self) -> np.ndarray:
        """[K] reference point of the hypervolume: error, log10 of each cost."""
        costs = np.log10([_SPAN * bound for bound in self.bounds[1:]])
        return np.array([self.chance, *costs])

    @property
    def on_board(self) -> bool:
        """Whether an objective or a budget needs the int8 network and a board."""
        return any(goal.on_board for goal in self.used)

    @property
    def measured(self) -> tuple[Goal, ...]:
        """Everything that a search stores beside the error and the totals: of the
        table all that one measurement on the board gives, then its own."""
        board = [GOALS[name] for name in BOARD if self.on_board]
        host = [goal for goal in self.used
                if not goal.in_program and goal.name not in BOARD]
        return (*board, *host)

    @property
    def on_host(self) -> bool:
        """Whether the networks of all cuts are needed on the host."""
        return any(not goal.in_program for goal in self.used)


def choose(
    names: Sequence[str], bounds: Mapping[str, float], budgets: Mapping[str, float], *,
    chance: float, memory: str,
) -> Objectives:
    """The objectives and hard budgets that a configuration names.

    Args:
      names: 'error', then names of the table or MODULE:FACTORY of a person's own.
      bounds: soft bound of every goal of the table.
      budgets: hard budget of every cost of the table, 0 for none.
      chance: error of guessing.
      memory: field of `Totals` that the working memory is.

    Raises:
      ValueError: a name stands for no goal, or two for the same.
    """
    goals = [find_goal(name) for name in names]
    if len({goal.name for goal in goals}) < len(goals):
        raise ValueError(f'{tuple(names)} name a goal twice; allowed: different ones')
    own = tuple(goal for goal in goals if goal.is_own)
    hard = [(name, float(budgets[name])) for name in COSTS if budgets[name]]
    hard += [(goal.name, float(goal.budget)) for goal in own if goal.budget]
    return Objectives(
        tuple(goal.name for goal in goals),
        tuple(float(goal.bound if goal.is_own else bounds[goal.name])
              for goal in goals), chance, memory, tuple(hard), own)


def figure(item: Any, name: str, objectives: Objectives) -> float | None:
    """One figure of a network, None if it was not measured."""
    goal = objectives.goal(name)
    if isinstance(goal.source, Validation):
        return item.error
    if goal.in_program:
        return None if item.costs is None else getattr(
            item.costs, objectives.field(goal))
    return None if item.measured is None else item.measured.get(name)


def before_pruning(graph: Graph, goal: Goal, objectives: Objectives) -> float | None:
    """A counted goal of a feasible exact graph; None for any other goal."""
    if not isinstance(goal.source, Counted):
        return None
    if callable(goal.source.rule):
        return goal.source.rule(graph_costs.layer_rows(graph))
    return getattr(graph_costs.graph_totals(graph), objectives.field(goal))


def objectives_of(row: Any, objectives: Objectives) -> np.ndarray:
    """[K] objectives of a stored network; NaN if it failed or is over a budget."""
    if not row.ok:
        return np.full(len(objectives.names), np.nan)
    return np.array([figure(row, name, objectives) for name in objectives.names],
                    float)


def matrix(rows: Sequence[Any], objectives: Objectives) -> np.ndarray:
    """[N, K] objectives of rows."""
    values = [objectives_of(row, objectives) for row in rows]
    return np.array(values).reshape(len(rows), len(objectives.names))


def front_of(rows: Sequence[Network], objectives: Objectives) -> list[Network]:
    """Non-dominated networks, sorted by the first cost; of equal ones the first."""
    good = _good(rows)
    if not good:
        return []
    values = matrix(good, objectives)
    keep = pareto.non_dominated(values)
    # A cut that prunes nothing more gives its trial's own network again.
    first = set(np.unique(values, axis=0, return_index=True)[1])
    order = np.lexsort((*values.T[:1:-1], values[:, 0], values[:, 1]))
    return [good[i] for i in order if keep[i] and i in first]


def hypervolume_of(rows: Sequence[Any], objectives: Objectives) -> float:
    """Hypervolume of (error, log10 costs) below a fixed reference.

    Rows may include points of threshold curves. What is not on the front changes not
    even how it rounds.
    """
    front = front_of(rows, objectives)
    if not front:
        return 0.0
    values = matrix(front, objectives)
    floor = [goal.floor for goal in objectives.costs]
    values[:, 1:] = np.log10(np.maximum(values[:, 1:], floor))
    return float(pareto.hypervolume(values, objectives.reference))


def ranked_under(rows: Sequence[Network], objectives: Objectives) -> list[Network]:
    """The networks within the soft bounds of all costs, of least error first; smaller
    costs, in their order, win a tie."""
    good = _good(rows)
    values = matrix(good, objectives)
    fits = np.all(values[:, 1:] <= np.array(objectives.bounds)[1:], axis=1)
    return [good[i] for i in np.lexsort(values.T[::-1]) if fits[i]]


def best_under(rows: Sequence[Network], objectives: Objectives) -> Network | None:
    """The first of `ranked_under`; None if no network is within the soft bounds."""
    return next(iter(ranked_under(rows, objectives)), None)


def _good(rows: Sequence[Any]) -> list[Any]:
    return [row for row in rows if row.ok]


def counted_limits(objectives: Objectives) -> Limits:
    """What trainings aim at and cuts are placed by: the hard budgets on costs that a
    training program counts; where there are none, the soft bounds of such costs."""
    counted = lambda pairs: tuple(
        (objectives.field(objectives.goal(name)), float(most)) for name, most in pairs
        if name != ERROR and objectives.goal(name).in_program)
    return counted(objectives.budgets) or counted(
        zip(objectives.names[1:], objectives.bounds[1:]))


def exceeded(item: Any, objectives: Objectives) -> tuple[str, ...]:
    """The hard budgets that a network exceeds, as far as it was measured."""
    figures = [(name, figure(item, name, objectives), most)
               for name, most in objectives.budgets]
    return tuple(name for name, value, most in figures
                 if value is not None and value > most)


def bounds_text(objectives: Objectives) -> str:
    """'2048 B and 2048 B': the soft bounds of all costs."""
    return ' and '.join(goal.text(most) for goal, most in zip(
        objectives.costs, objectives.bounds[1:]))


def costs_text(item: Any, goals: Sequence[Goal], objectives: Objectives) -> str:
    """'model size 2048 B, latency 3.00 ms': those figures of a network that are
    known."""
    known = [(goal, figure(item, goal.name, objectives)) for goal in goals]
    return ', '.join(f'{goal.title} {goal.text(value)}' for goal, value in known
                     if value is not None)
