"""Trained networks as they will be on the chip: int8 error, costs on a board.

Shrinks and quantises on the host once per network; the training program hands over the
networks of all cuts. `judge` holds them to the hard budgets.
"""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from sparse_jax import data, status
from sparse_jax.evaluation.own_goals import FigureError, own_figures
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.cost_model.measure import measure
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.shrink import shrink
from sparse_jax.objectives import pareto
from sparse_jax.objectives.confusion import error_of
from sparse_jax.objectives.goal import GOALS, Goal, OnBoard
from sparse_jax.objectives.goals import Objectives, exceeded
from sparse_jax.quantize import Images, calibrate, classify, quantize
from sparse_jax.quantize.quantized import QuantizedNet, UnfitNetworkError
from sparse_jax.space.architecture import Graph
from sparse_jax.study.outcome import CurvePoint, Outcome, Pruned
from sparse_jax.study.record import StudyWarning

CALIBRATION = 256
"""Training images that set the ranges of int8 activations."""


class OnChip(NamedTuple):
    """What one network gives on the host."""

    error: float | None
    """Of its int8 network; None where it was not asked for."""
    measured: dict[str, float] | None
    """{goal: figure}; None where nothing was asked for."""


Chip = Callable[[Graph, Pruned], OnChip | None]
"""None if the network cannot be generated or measured."""
Judge = Callable[[Graph, Outcome], Outcome]
_Item = TypeVar('_Item', Outcome, CurvePoint)


def as_int8(net: CompactNet, dataset: data.Dataset) -> QuantizedNet:
    """The int8 network that a search measures, calibrated on training images."""
    images = dataset.train.images[:CALIBRATION]
    return quantize(net, calibrate(net, images))


def board_costs(net: QuantizedNet, board: Board) -> dict[str, float]:
    """{goal: figure} of all goals of the table that are measured on a board, as they
    are stored; without those that its file says too little for."""
    found, costs = measure(net, board), {}
    for goal in GOALS.values():
        if isinstance(goal.source, OnBoard):
            value = getattr(found, goal.source.predicted)
            if value is not None:
                costs[goal.name] = _scaled(value, goal.source)
    return costs


def verified_costs(verification: dict) -> dict[str, float]:
    """The same of a verification: as linked and emulated."""
    costs = {}
    for goal in GOALS.values():
        if isinstance(goal.source, OnBoard):
            part: Any = verification
            for key in goal.source.verified:
                part = part[key]
            if part is not None:
                costs[goal.name] = _scaled(part, goal.source)
    return costs


def _scaled(value: float, source: OnBoard) -> float:
    return value if source.scale == 1.0 else source.scale * value


def on_chip(
    dataset: data.Dataset, board: Board | None, *, quantized: bool,
    goals: Sequence[Goal] = (), balanced: bool = False,
) -> Chip:
    """Measures networks on the host.

    Args:
      dataset: calibrates on its training images; the int8 error is of its validation
        images.
      board: of the costs on a board; None for none of them.
      quantized: whether the error is that of the int8 network.
      goals: of the search; those that the training program gives are left out. One
        that gives no figure for a network is told of once, as a `StudyWarning`.
      balanced: whether the int8 error is 1 - the mean recall of the classes.
    """
    labels, images = dataset.validation.labels, Images(dataset.validation.images)
    failed = set()

    def chip(graph: Graph, pruned: Pruned) -> OnChip | None:
        net = shrink(graph, pruned.folded, pruned.units, mean=dataset.mean,
                     std=dataset.std)
        int8 = error = None
        measured = {}
        try:
            if quantized or board is not None:
                int8 = as_int8(net, dataset)
            if int8 is not None and board is not None:
                measured |= board_costs(int8, board)
        except UnfitNetworkError:
            # A dimension past 65535, or an accumulator that could overflow.
            return None
        try:
            measured |= own_figures(net, int8, board, goals)
        except FigureError as reason:
            name = reason.goal.name
            if name not in failed:
                failed.add(name)
                warnings.warn(f'objective {name!r} {reason}; networks without its '
                              'figure count as over budget', StudyWarning, stacklevel=2)
            return None
        if not all(math.isfinite(value) for value in measured.values()):
            return None
        if int8 is not None and quantized:
            guesses = classify(int8, images)
            error = error_of(labels, guesses, dataset.num_classes, balanced=balanced)
        return OnChip(error, measured or None)

    return chip


def judge(
    graph: Graph, outcome: Outcome, *, objectives: Objectives, chip: Chip | None
) -> Outcome:
    """Measure a trained outcome and its curve, and hold them to the budgets.

    The networks of the curve are dropped. Of a measured curve only the points remain
    that no other point of the training beats in everything known before measuring.
    A network that cannot be generated or measured counts as over budget. Where the
    trial's own cut leaves nothing, its curve may still hold networks.
    """
    begin = time.thread_time()
    curve, found = outcome.curve, OnChip(None, None)
    if chip is not None:
        measured = _once(graph, chip)
        if outcome.status == status.OK and outcome.weights is not None:
            found = measured(Pruned(outcome.weights.folded, outcome.weights.units))
        pairs = [(point, measured(point.pruned)) for point in _worth_measuring(curve)
                 if point.pruned is not None]
        curve = tuple(_apply(point, its) for point, its in pairs if its is not None)
    curve = tuple(point._replace(pruned=None, fits=not exceeded(point, objectives))
                  for point in curve)
    seconds = time.thread_time() - begin
    outcome = outcome._replace(curve=curve, measure_seconds=seconds)
    if outcome.status != status.OK:
        return outcome
    if found is None:
        return outcome._replace(status=status.OVER_BUDGET)
    outcome = _apply(outcome, found)
    over = exceeded(outcome, objectives)
    return outcome._replace(status=status.OVER_BUDGET) if over else outcome


def _apply(item: _Item, found: OnChip) -> _Item:
    """An outcome or a curve point with what the chip gave."""
    error = item.error if found.error is None else found.error
    return item._replace(error=error, measured=found.measured)


def _once(graph: Graph, chip: Chip) -> Callable[[Pruned], OnChip | None]:
    """Cuts that leave the same network are measured once."""
    known = {}

    def measured(pruned: Pruned) -> OnChip | None:
        key = tuple(a.tobytes() for leaf in pruned.folded.values()
                    for a in leaf.values())
        if key not in known:
            known[key] = chip(graph, pruned)
        return known[key]

    return measured


def _worth_measuring(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    figures = [(point.error, *point.costs) for point in curve]
    if not figures:
        return []
    return [p for p, keep in zip(curve, pareto.non_dominated(np.array(figures)))
            if keep]
