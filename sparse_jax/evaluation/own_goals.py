"""Figures of a person's own goals: called on the host, and tried before a search."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparse_jax import data
from sparse_jax.export.chip.boards import Board
from sparse_jax.factories import told
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.untrained import untrained
from sparse_jax.objectives import compact_costs, graph_costs
from sparse_jax.objectives.goal import Counted, Goal, Own
from sparse_jax.ops.node import CLASSIFIER, Node
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.quantize.quantized import QuantizedNet
from sparse_jax.space.architecture import Graph

_PIXELS = 8
"""Image side of the network that goals are tried on, about."""


class FigureError(ValueError):
    """A goal gave no figure for a network; the message is one line."""

    def __init__(self, goal: Goal, reason: str) -> None:
        super().__init__(reason)
        self.goal = goal


def own_figures(
    net: CompactNet, int8: QuantizedNet | None, board: Board | None,
    goals: Sequence[Goal],
) -> dict[str, float]:
    """{goal: figure} of those that neither the program nor the board gives.

    Args:
      net: a pruned network.
      int8, board: for the goals that ask for them.
      goals: any; the others are left out.

    Raises:
      FigureError: a goal fails, or gives something else than a finite number of 0 or
        more.
    """
    figures = {}
    for goal in goals:
        if isinstance(goal.source, Own):
            given = (int8, board) if goal.source.on_board else (None, None)
            figures[goal.name] = _figure(goal, goal.source.measure, net, *given)
        elif isinstance(goal.source, Counted) and callable(goal.source.rule):
            rows = compact_costs.layer_rows(net)
            figures[goal.name] = _figure(goal, goal.source.rule, rows)
    return figures


def check(goals: Mapping[str, Goal], dataset: data.Dataset, board: Board) -> None:
    """Try a person's own goals on a small network of these images and classes.

    Args:
      goals: by the MODULE:FACTORY that gave them.
      dataset: two of its training images calibrate the int8 network.
      board: of the goals that ask for one.

    Raises:
      ValueError: one line: which factory, what its goal gives, what is allowed.
    """
    if not goals:
        return
    graph = _graph(dataset)
    net, int8 = untrained(graph, mean=dataset.mean, std=dataset.std), None
    if any(goal.on_board for goal in goals.values()):
        int8 = quantize(net, calibrate(net, dataset.train.images[:2]))
    for name, goal in goals.items():
        try:
            own_figures(net, int8, board, [goal])
            if isinstance(goal.source, Counted) and callable(goal.source.rule):
                _figure(goal, goal.source.rule, graph_costs.layer_rows(graph))
            if callable(goal.least):
                _figure(goal, goal.least, graph)
        except FigureError as error:
            raise ValueError(f'{name!r} is not allowed: its Goal {goal.name!r} {error}'
                             ) from error


def _figure(goal: Goal, function: Callable[..., Any], *given: Any) -> float:
    """What a function of a goal gives, as a number."""
    try:
        value = function(*given)
        figure = math.nan if isinstance(value, str | bytes) else float(value)
    # A person's program may raise anything.
    except Exception as error:
        raise FigureError(goal, f'fails ({told(error)}); allowed: a function of '
                                f'{_form(given)} that gives a number') from error
    if not math.isfinite(figure) or figure < 0:
        raise FigureError(
            goal, f'gives {value!r:.40}; allowed: a finite number of 0 or more')
    return figure


def _form(given: Sequence[Any]) -> str:
    """What a function is called with, in words."""
    if len(given) > 1:
        return '(network, int8 network, board), the last two None without on_board,'
    return '(graph)' if isinstance(given[0], Graph) else '(rows of the layers)'


def _graph(dataset: data.Dataset) -> Graph:
    """A convolution and the classifier."""
    height, width, _ = dataset.input_shape
    rate = max(1, min(height, width) // _PIXELS)
    kernel = min(3, height // rate, width // rate)
    conv = Node('block-1-layer-1', 'conv', ('input',), 2, kernel, kernel)
    classifier = Node(
        CLASSIFIER, 'dense', (conv.name,), dataset.num_classes, relu=False)
    return Graph(dataset.input_shape, rate, False, (conv, classifier))
