"""Trained networks as they will be on the chip: int8 error, costs on a board.

Shrinks and quantises on the host once per network; the training program hands over the
networks of all cuts. `judge` holds them to the hard budgets.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sparse_jax import data, status
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.cost_model.measure import measure
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.shrink import shrink
from sparse_jax.objectives import pareto
from sparse_jax.objectives.goals import Objectives, OnBoard, exceeded
from sparse_jax.quantize import calibrate, emulate, quantize
from sparse_jax.quantize.quantized import QuantizedNet, UnfitNetworkError
from sparse_jax.space.architecture import Graph
from sparse_jax.study.outcome import CurvePoint, Outcome, Pruned

CALIBRATION = 256
"""Training images that set the ranges of int8 activations."""


class OnChip(NamedTuple):
    """What one int8 network gives; None where it was not asked for."""

    error: float | None
    on_board: OnBoard | None


Chip = Callable[[Graph, Pruned], OnChip | None]
"""None if the network cannot be generated."""
Judge = Callable[[Graph, Outcome], Outcome]


def as_int8(net: CompactNet, dataset: data.Dataset) -> QuantizedNet:
    """The int8 network that a search measures, calibrated on training images."""
    images = dataset.train.images[:CALIBRATION]
    return quantize(net, calibrate(net, images))


def board_costs(net: QuantizedNet, board: Board) -> OnBoard:
    """Costs of an int8 network, as they are stored."""
    m = measure(net, board)
    return OnBoard(m.flash, m.ram, m.instructions, 1e3 * m.latency_s)


def on_chip(dataset: data.Dataset, board: Board | None, *, quantized: bool) -> Chip:
    """Measures on a board, None for none, and the int8 error if `quantized`."""
    labels = dataset.validation.labels

    def chip(graph, pruned):
        net = shrink(graph, pruned.folded, pruned.units, mean=dataset.mean,
                     std=dataset.std)
        error = costs = None
        try:
            net = as_int8(net, dataset)
            costs = None if board is None else board_costs(net, board)
        except UnfitNetworkError:
            # A dimension past 65535, or an accumulator that could overflow.
            return None
        if quantized:
            guesses = emulate(net, dataset.validation.images).argmax(-1)
            error = 1.0 - float(np.mean(guesses == np.asarray(labels)))
        return OnChip(error, costs)

    return chip


def judge(
    graph: Graph, outcome: Outcome, *, objectives: Objectives, chip: Chip | None
) -> Outcome:
    """Measure a trained outcome and its curve, and hold them to the budgets.

    The networks of the curve are dropped. Of a measured curve only the points remain
    that no other point of the training beats in everything known before measuring.
    A network that cannot be generated counts as over budget. Where the trial's own cut
    leaves nothing, its curve may still hold networks.
    """
    begin = time.thread_time()
    curve, found = outcome.curve, OnChip(None, None)
    if chip is not None:
        measured = _once(graph, chip)
        if outcome.status == status.OK:
            found = measured(Pruned(outcome.weights.folded, outcome.weights.units))
        pairs = [(point, measured(point.pruned)) for point in _worth_measuring(curve)]
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


def _apply(item, found: OnChip):
    """An outcome or a curve point with what the chip gave."""
    error = item.error if found.error is None else found.error
    return item._replace(error=error, on_board=found.on_board)


def _once(graph, chip) -> Callable[[Pruned], OnChip | None]:
    """Cuts that leave the same network are measured once."""
    known = {}

    def measured(pruned):
        key = tuple(a.tobytes() for leaf in pruned.folded.values()
                    for a in leaf.values())
        if key not in known:
            known[key] = chip(graph, pruned)
        return known[key]

    return measured


def _worth_measuring(curve: tuple[CurvePoint, ...]) -> list[CurvePoint]:
    figures = [(point.error, *point.costs) for point in curve]
    if not figures:
        return []
    return [p for p, keep in zip(curve, pareto.non_dominated(np.array(figures)))
            if keep]
