"""What a search has seen: every point once, with the figures of its longest training.

A point that was not promoted keeps those of a short training. A surrogate of all would
take the difference between short and long for one between points; `levelled` says what
the short ones would have become, as far as promotions have shown it.
"""

from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.goals import Objectives
from sparse_jax.search import archive
from sparse_jax.search.credit import evaluation_of, excess
from sparse_jax.search.problem import further_costs, problem_of
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.records import Record
from sparse_jax.types import Archive, Evaluation

LEAST_PAIRS = 4
"""Promotions from a rung before anything is concluded from them."""
LEAST = 1e-3
"""Figures below count as this where ratios are taken."""


class Gain(NamedTuple):
    """What a promotion made of the figures of a point."""

    rung: int
    """That it was promoted from."""
    heir: bool
    """Whether its first training began with inherited weights."""
    factors: np.ndarray
    """[K + C] logarithms of its figures at the next rung over those at this one."""


class Seen(NamedTuple):
    """The finished rounds of a search, N points."""

    archive: Archive
    """Every point once, in order, with the figures of its highest rung."""
    firsts: tuple[int, ...]
    """[N] numbers of their first trials."""
    rungs: tuple[int, ...]
    """[N] the rungs that their figures are of."""
    heirs: tuple[bool, ...]
    """[N] whether their first trainings began with inherited weights."""
    gains: tuple[Gain, ...] = ()


def nothing(dim: int, objectives: Objectives) -> Seen:
    """Before the first round, of points [dim]."""
    return Seen(archive.empty(
        dim, len(objectives.names), len(further_costs(objectives))), (), (), ())


def add(seen: Seen, networks: list[Record], objectives: Objectives) -> Seen:
    """What is seen after a further round.

    Args:
      seen: before it.
      networks: all of the finished round: trials, and their networks at other cuts. A
        training of the end of a search is none of a round.
      objectives: the goals.
    """
    members = [row for row in networks
               if row.offset is None and row.trial.rung != FINAL]
    curves = [row for row in networks if row.offset is not None]
    told = evaluation_of(members, curves, objectives)
    fresh = np.array([row.trial.origin is None for row in members], bool)
    first = [row for row in members if row.trial.origin is None]
    points = np.array([row.trial.row for row in first]).reshape(
        -1, seen.archive.x.shape[1])
    found = archive.append(seen.archive, points, _some(told, fresh))
    seen = seen._replace(
        archive=found, firsts=(*seen.firsts, *(row.trial.number for row in first)),
        rungs=(*seen.rungs, *(0 for _ in first)),
        heirs=(*seen.heirs, *(row.trial.is_heir for row in first)))
    return _revised(seen, [row for row in members if row.trial.origin is not None],
                    _some(told, ~fresh))


def levelled(seen: Seen, objectives: Objectives) -> Archive:
    """The archive for an algorithm: figures as they would be at the highest rung.

    From every rung to the next the medians of the logarithmic gains of what was
    promoted are added to what was not, one for every objective and cost; nothing before
    there are `LEAST_PAIRS` of them. Heirs have medians of their own, for they begin
    with what others gain by the first promotion; of later promotions those of both
    kinds count while there are few of one.
    """
    if not seen.gains:
        return seen.archive
    found, count = seen.archive, len(objectives.names)
    shift = _shifts(seen.gains)
    factors = np.exp(shift[np.array(seen.heirs, int),
                           np.minimum(seen.rungs, shift.shape[1] - 1)])
    figures = np.concatenate([found.y, found.further], axis=1) * factors
    figures[:, 0] = np.minimum(figures[:, 0], 1.0)
    over, budgets = found.excess, problem_of(objectives).budgets
    if budgets:
        moved = found.measured & (factors != 1.0).any(axis=1)
        over = np.where(moved, excess(figures, np.array(budgets)), over)
    return found._replace(
        y=figures[:, :count], further=figures[:, count:], excess=over)


def _shifts(gains: tuple[Gain, ...]) -> np.ndarray:
    """[2, rungs, K + C] what is added to the logarithms of figures of every rung, of
    fresh trainings and of heirs; 0 at the highest."""
    top = 1 + max(gain.rung for gain in gains)
    shift = np.zeros((2, top + 1, len(gains[0].factors)))
    for rung in reversed(range(top)):
        every = [gain for gain in gains if gain.rung == rung]
        for heir in (False, True):
            own = [gain for gain in every if gain.heir == heir]
            # What an heir begins with matters to the first promotion, hardly later.
            known = own if len(own) >= LEAST_PAIRS or not rung else every
            shift[int(heir), rung] = shift[int(heir), rung + 1]
            if len(known) >= LEAST_PAIRS:
                shift[int(heir), rung] += np.median(
                    [gain.factors for gain in known], axis=0)
    return shift


def _revised(seen: Seen, rows: list[Record], told: Evaluation) -> Seen:
    """With the figures of promoted trials in place of the earlier ones; where the
    longer training failed those stay."""
    found, rungs, gains = seen.archive, list(seen.rungs), list(seen.gains)
    places = [seen.firsts.index(row.trial.first) for row in rows]
    changed = archive.revise(found, np.array(places, int), told)
    for place, row, figures in zip(places, rows, told.objectives):
        if np.isfinite(figures).all():
            factors = _logarithms(changed, place) - _logarithms(found, place)
            # Of one rung: where the training between them had nothing, it was two.
            if np.isfinite(factors).all() and rungs[place] == row.trial.rung - 1:
                gains.append(Gain(rungs[place], seen.heirs[place], factors))
            rungs[place] = row.trial.rung
    return seen._replace(archive=changed, rungs=tuple(rungs), gains=tuple(gains))


def _logarithms(found: Archive, place: int) -> np.ndarray:
    """[K + C] of the figures of a point."""
    figures = np.concatenate([found.y[place], found.further[place]])
    return np.log(np.maximum(figures, LEAST))


def _some(told: Evaluation, chosen: np.ndarray) -> Evaluation:
    """Of [B] outcomes those that are chosen [B]."""
    return Evaluation(
        told.objectives[chosen], told.status[chosen],
        None if told.further is None else told.further[chosen],
        None if told.excess is None else told.excess[chosen])
