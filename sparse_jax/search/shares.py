"""The budgets of a search by gradient: shares of those of the search."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sparse_jax.differentiable import boards
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.evaluation.estimates import Estimate
from sparse_jax.objectives.goal import Goal, OnBoard
from sparse_jax.search.starts import WHOLE_MAPS, known_cost, spare_of, targets
from sparse_jax.settings import reading
from sparse_jax.space.architecture import Graph

if TYPE_CHECKING:
    from sparse_jax.search.setup import Setup

SMALLEST, NARROWEST = 1 / 16, 1 / 16
"""Shares of their targets that model sizes go down to, and working memories: fronts
span decades of both."""
LEAST = 1 / 2
"""The same where costs are limits alone (`search.focus`)."""
_REFUSED = 10.0
"""Excess of what is not worth training, in nats."""


class Share(NamedTuple):
    """One set of budgets, relative to the targets of the search."""

    size: float
    memory: float


def shares(number: int, focused: bool = False) -> list[Share]:
    """So many sets of budgets: geometric in the model size, every other one with less
    working memory, geometric too.

    focused: whether costs are limits alone; all sets are near to them then.
    """
    smallest, narrowest = (LEAST, LEAST) if focused else (SMALLEST, NARROWEST)
    last, pairs = max(1, number - 1), max(1, number // 2)
    return [Share(smallest ** (i / last),
                   narrowest ** ((i // 2 + 1) / pairs) if i % 2 else 1.0)
            for i in range(number)]


def limits(setup: 'Setup', share: Share) -> list[tuple[Goal, float]]:
    """Costs before pruning and the most that they may be; pruning has its spare."""
    spare, found = spare_of(setup.settings), []
    for goal, most in targets(setup.objectives):
        names = {goal.name, goal.like}
        if names & set(WHOLE_MAPS):
            most *= share.memory
        else:
            if 'model_size' in names:
                most = _within(setup, goal, most, share.size)
            most *= spare
        found.append((goal, most))
    return found


def _within(setup: 'Setup', goal: Goal, most: float, share: float) -> float:
    """A share of a model size; of flash one of what is left beside the code that every
    network has."""
    if goal.name != 'flash':
        return most * share
    fixed = boards.least_flash(reading.board(setup.settings).core)
    return min(most, fixed + max(most - fixed, 0.0) * share)


def budgets(setup: 'Setup', share: Share) -> Budgets:
    """The same of the costs that have expectations, infinite for others."""
    most = dict.fromkeys(Budgets._fields, np.inf)
    for goal, limit in limits(setup, share):
        like = setup.objectives.goal(goal.like) if goal.like else goal
        name = setup.objectives.field(like) if like.unit == goal.unit else ''
        known = [(name, limit)]
        if isinstance(goal.source, OnBoard):
            known.append(_on_board(setup, goal.source, limit))
        for name, at_most in known:
            if name in most:
                most[name] = min(most[name], at_most)
    return Budgets(**most)


def _on_board(setup: 'Setup', source: OnBoard, limit: float) -> tuple[str, float]:
    """The cost on the board that a goal limits, and by how much: times and energies are
    cycles."""
    board = reading.board(setup.settings)
    seconds = 1.0 / board.clock_hz
    each = {'latency_s': seconds, 'energy_j': board.energy_j(seconds)}.get(
        source.predicted)
    if each is None:
        return source.predicted, limit
    return 'cycles', limit / (source.scale * each)


def excess(
    graph: Graph, *, setup: 'Setup', most: Sequence[tuple[Goal, float]],
    estimate: Estimate = lambda graph: {},
) -> float:
    """How far an exact network is over budgets, in nats.

    Args:
      graph: of any network of the table.
      setup: the objects of the search.
      most: its `limits`.
      estimate: costs on a board of networks that nothing prunes.
    """
    if not graph.feasible():
        return float('inf')
    over = _REFUSED if setup.evaluator.refuses(graph) else 0.0
    for goal, limit in most:
        cost = known_cost(graph, goal, setup.objectives, estimate)
        over += float(np.log(cost / limit)) if cost is not None and cost > limit else 0
    return over
