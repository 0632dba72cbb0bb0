"""Random networks that live at the budget: what a search may start from."""

import functools
from collections.abc import Callable, Sequence

import jax
import numpy as np

from sparse_jax.data import Dataset
from sparse_jax.evaluation.estimates import Estimate, board_estimates
from sparse_jax.host_random import generator
from sparse_jax.objectives.goal import ERROR, Goal
from sparse_jax.objectives.goals import Objectives, before_pruning
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.objectives.lower_bounds import bound_of
from sparse_jax.search import trend
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.space import encoding, filling
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space

Draw = Callable[[jax.Array, int], np.ndarray]
"""(key, num) -> [num, D] canonical rows."""
SPARE = 1.5
"""How many times its target a cost may be before pruning: of the weights of a network
that trains well two thirds survive (docs/starts.md)."""
SPARE_GRADUAL = 3.0
"""The same where a schedule prunes down to the target whatever there was
(docs/pruning.md)."""
RIVALS = 4
"""Of networks that fill a budget those that multiply more err less, in short trainings
(docs/starts.md)."""
MORE_RIVALS = 16
"""The same by what is known of more than that (`search.trend`)."""
WHOLE_MAPS = ('working_memory', 'ram')
"""Costs that pruning lowers only by removing whole maps: mostly by nothing."""


def estimates(
    settings: Settings, objectives: Objectives, dataset: Dataset
) -> Estimate:
    """What networks cost on the board before training, where a search asks for it."""
    if not objectives.on_board:
        return lambda graph: {}
    return board_estimates(dataset, reading.board(settings))


def design(
    settings: Settings, space: Space, objectives: Objectives,
    refuses: Callable[[Graph], bool], estimate: Estimate,
) -> Draw:
    """`filled` for a search.

    Args:
      settings: of the search.
      space: the table.
      objectives: its goals.
      refuses: networks that are not worth training whatever their costs.
      estimate: what `estimates` gives for it.
    """
    return filled(space, objectives, spare=spare_of(settings), refuses=refuses,
                  estimate=estimate, learned=settings.search.trend != 'none')


def spare_of(settings: Settings) -> float:
    """How many times its target a cost that pruning lowers may be before it."""
    method = reading.pruning_method(settings)
    if not method.prunes:
        return 1.0
    return SPARE_GRADUAL if method.press else SPARE


def screened(settings: Settings, objectives: Objectives) -> Objectives | None:
    """What the rounds of a search judge by: its goals, but bounds and budgets of costs
    are what they may be before pruning, see `spare_of`. None where every training
    prunes, or none does."""
    if not settings.pruning.at_end:
        return None
    spare = spare_of(settings)
    most = lambda name, value: value if name in (ERROR, *WHOLE_MAPS) else spare * value
    return objectives._replace(
        bounds=tuple(map(most, objectives.names, objectives.bounds)),
        budgets=tuple((name, most(name, value)) for name, value in objectives.budgets))


def screening_note(settings: Settings) -> str:
    """A line where the front has nothing before the end of a search; else ''."""
    if not settings.pruning.at_end:
        return ''
    return ('pruning.at_end: rounds screen plain networks of up to '
            f'{spare_of(settings):g} times the budgets, which count as over budget; '
            'the front is that of the end, which prunes the best of them')


def filled(
    space: Space, objectives: Objectives, *, spare: float = 1.0,
    refuses: Callable[[Graph], bool] = lambda graph: False,
    estimate: Estimate = lambda graph: {}, learned: bool = False,
) -> Draw:
    """Draws of structures with widths and units as large as the targets allow.

    Args:
      space: the table.
      objectives: costs, soft bounds and hard budgets, see `targets`.
      spare: how many times their targets costs may be before pruning, but those of
        `WHOLE_MAPS`; 1 where nothing prunes, see `spare_of`.
      refuses: networks that are not worth training whatever their costs.
      estimate: costs on a board of networks that nothing prunes.
      learned: whether rows come in the order of `trend.merit`.

    Returns:
      A function of a key and a number of rows, see `space.filling.sample`. Whoever
      takes a few takes the first: of every `RIVALS` rows of equal strides, in random
      order, that which multiplies most; or of every `MORE_RIVALS` rows that which is
      expected to err least. Where no network of the table is within
      the targets it draws from the prior.
    """
    # What is counted is cheaper to know than what is estimated.
    ordered = sorted(targets(objectives), key=lambda pair: pair[0].on_board)
    most = tuple(
        (goal, at_most if goal.name in WHOLE_MAPS else spare * at_most)
        for goal, at_most in ordered)
    fits = functools.partial(
        _fits, objectives=objectives, refuses=refuses, most=most, estimate=estimate)
    wanted = filling.demand(space, fits)
    if wanted is None:
        return lambda key, num: encoding.sample(key, space, num)

    def draw(key: jax.Array, num: int) -> np.ndarray:
        key_draw, key_order = jax.random.split(key)
        rows = filling.sample(key_draw, space, num, fits, wanted)
        graphs = encoding.graphs(space, rows)
        if learned:
            kinds, rivals = [0] * num, MORE_RIVALS
            merits = trend.merit(graphs).tolist()
        else:
            # A stride saves three of four products and costs little accuracy.
            kinds = [max(node.stride for node in graph.nodes) for graph in graphs]
            merits = [graph_totals(graph).macs for graph in graphs]
            rivals = RIVALS
        return rows[_order(key_order, kinds, merits, rivals)]

    return draw


def _order(
    key: jax.Array, kinds: Sequence[int], merits: Sequence[float], rivals: int
) -> list[int]:
    """Indices in random order, but of every `rivals` of one kind the one of most merit
    first."""
    shuffled, groups = generator(key).permutation(len(merits)).tolist(), {}
    for i in shuffled:
        groups.setdefault(kinds[i], []).append(i)
    best = {max(alike[i:i + rivals], key=merits.__getitem__)
            for alike in groups.values() for i in range(0, len(alike), rivals)}
    first = [i for i in shuffled if i in best]
    return [*first, *(i for i in shuffled if i not in best)]


def targets(objectives: Objectives) -> tuple[tuple[Goal, float], ...]:
    """What structures are filled up to: the hard budget of every cost that has one, or
    else the soft bound of the objective."""
    most = dict(zip(objectives.names[1:], objectives.bounds[1:]))
    most |= dict(objectives.budgets)
    return tuple((objectives.goal(name), value) for name, value in most.items())


def known_cost(
    graph: Graph, goal: Goal, objectives: Objectives,
    estimate: Estimate = lambda graph: {},
) -> float | None:
    """A cost before training and pruning: `unpruned_cost`, or the counted cost that it
    grows with, if that has the same unit; None if there is none of these."""
    known = unpruned_cost(graph, goal, objectives, estimate)
    if known is not None or not goal.like:
        return known
    like = objectives.goal(goal.like)
    return before_pruning(graph, like, objectives) if like.unit == goal.unit else None


def unpruned_cost(
    graph: Graph, goal: Goal, objectives: Objectives, estimate: Estimate
) -> float | None:
    """A cost that a network has where nothing prunes it: exact if it is counted. Of
    others what is estimated, or the least that it has; None if nothing is known."""
    exact = before_pruning(graph, goal, objectives)
    if exact is not None:
        return exact
    if goal.on_board and goal.name in (figures := estimate(graph)):
        return figures[goal.name]
    return bound_of(goal, graph, objectives, prunes=False)


def _fits(
    graph: Graph, *, objectives: Objectives, most: tuple[tuple[Goal, float], ...],
    refuses: Callable[[Graph], bool], estimate: Estimate,
) -> bool:
    costs = ((known_cost(graph, goal, objectives, estimate), limit)
             for goal, limit in most)
    return all(cost is None or cost <= limit for cost, limit in costs) and (
        not refuses(graph))
