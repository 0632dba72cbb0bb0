"""Padded results of a program -> the outcome of a trial; pure."""

from typing import Any

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.evaluation.curve import Curve
from sparse_jax.evaluation.grouping import Member
from sparse_jax.evaluation.recipe import Trained
from sparse_jax.model import weights as weight_trees
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.objectives import graph_costs
from sparse_jax.space.architecture import Graph
from sparse_jax.study.outcome import PRESSURE, CurvePoint, Outcome, Pruned, Weights


def outcome_of(
    skeleton: Skeleton, member: Member, result: Trained, *, cuts: tuple[float, ...]
) -> Outcome:
    """What became of a trial, weights at their true sizes.

    result: host arrays of one candidate, in the skeleton's padded shapes.
    cuts: of the recipe, in the order of the result's curve; a point after them has a
      cut of its own.
    """
    trial, graph = member.trial, member.graph
    measured = result.measurement
    loss, accuracy = (tuple(map(float, values[: trial.epochs]))
                      for values in (result.info.loss, result.info.accuracy))
    outcome = Outcome(
        trial, int(measured.status), float('nan'), _totals(measured.costs),
        graph_costs.graph_totals(graph), accuracy=accuracy, loss=loss)
    if outcome.status == status.NONFINITE:
        return outcome
    exact = lambda tree: weight_trees.extract(skeleton, graph, tree)
    params, aux, stats = (exact(tree) for tree in result.variables)
    weights = Weights(params, aux, stats, exact(result.folded),
                      _units(graph, result.units), {} if result.pressure is None
                      else {PRESSURE: np.float32(result.pressure)})
    error = float(measured.error)
    return outcome._replace(
        weights=weights, error=error, float_error=error,
        curve=_curve(graph, skeleton, result.curve, cuts))


def _curve(
    graph: Graph, skeleton: Skeleton, curve: Curve | None, cuts: tuple[float, ...]
) -> tuple[CurvePoint, ...]:
    """Points of the curve that still are networks."""
    if curve is None:
        return ()
    points = []
    # As they were asked for: in float32 they need not be the same numbers.
    offsets = [*cuts, *(round(float(o), 2) for o in curve.offset[len(cuts):])]
    for i, offset in enumerate(offsets):
        at = jax.tree.map(lambda leaf, i=i: leaf[i], curve)
        if at.empty or offset in offsets[:i]:
            continue
        pruned = None if at.folded is None else Pruned(
            weight_trees.extract(skeleton, graph, at.folded), _units(graph, at.units))
        points.append(CurvePoint(
            offset, float(at.error), _totals(at.costs), pruned=pruned))
    return tuple(points)


def _units(graph: Graph, units: dict[str, Any]) -> dict[str, np.ndarray]:
    """Padded host masks {tensor: [C]} at their true lengths."""
    shapes = graph.shapes()
    return {name: np.asarray(mask)[: shapes[name][0]] for name, mask in units.items()}


def _totals(costs: Any) -> graph_costs.Totals:
    return graph_costs.Totals(*(int(v) for v in costs))
