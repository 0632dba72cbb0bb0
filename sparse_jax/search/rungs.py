"""How trainings are judged that may go on, and how long they are.

Every point is trained for a share of its epochs; of those that finished a rung the best
share goes on from its own weights to the next (Jamieson and Talwalkar 2016), see
`promotions`.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.objectives import pareto
from sparse_jax.objectives.goals import Objectives
from sparse_jax.search.credit import excess, figures_of
from sparse_jax.search.problem import problem_of
from sparse_jax.settings.groups import Search
from sparse_jax.study.records import Record

GUESSING = 0.95
"""A network whose error is more than this share of that of guessing has learnt nothing:
what it costs says little."""


def epochs_of(shares: Sequence[float], whole: int, rung: int = 0) -> int:
    """Epochs that a rung adds, at least one.

    Args:
      shares: of the whole training after every rung, `search.rungs`; () for a whole
        training in one.
      whole: epochs of the whole training of the point.
      rung: 0 for the first training of a point.
    """
    before, done = 0, 0 if shares else whole
    for share in shares[:rung + 1]:
        before, done = done, max(done + 1, round(share * whole))
    return done - before


def expected(search: Search, points: int) -> float:
    """Trainings that go on for so many suggested points, about."""
    return points * sum(search.promote ** rung for rung in range(1, len(search.rungs)))


def share_of(search: Search) -> float:
    """Share of its whole training that a suggested point gets, about."""
    ends = search.rungs or (1.0,)
    added = [end - begin for begin, end in zip((0.0, *ends), ends)]
    return sum(search.promote ** rung * more for rung, more in enumerate(added))


class Judged(NamedTuple):
    """A trained trial, and what it is judged by."""

    row: Record
    """At its own cut."""
    figures: np.ndarray | None
    """[K + C] of its best network; None where no cut leaves anything."""


def judged(networks: Iterable[Record], objectives: Objectives) -> list[Judged]:
    """Trials that were trained, in their order, each with all its networks.

    The best network of a trial is of all its cuts the one of least error within the
    hard budgets, or within the soft bounds of the costs where there are none; else that
    which exceeds them least; one that does no better than guessing only if there is no
    other.
    """
    rows: dict[int, Record] = {}
    left: dict[int, list[Record]] = {}
    for row in networks:
        if row.offset is None:
            rows[row.trial.number] = row
        if row.trained and not row.empty:
            each = left.setdefault(row.trial.number, [])
            # Of equal networks the trial's own is the best.
            each.insert(0 if row.offset is None else len(each), row)
    return [Judged(row, _best(left[number], objectives) if number in left else None)
            for number, row in sorted(rows.items()) if row.trained]


def ranked(trials: Iterable[Judged], objectives: Objectives) -> list[Record]:
    """Trials, those first that are worth training further.

    Those within the budgets or bounds are taken alternately by their error and by what
    they add to the front of all (non-dominated rank, then hypervolume); after them come
    those outside, the nearest first, and at last those that guess. The earlier trial
    wins a tie.

    Args:
      trials: in any order.
      objectives: the goals.

    Returns:
      The trials that any network is left of.
    """
    rows, each = [], []
    for row, figures in sorted(trials, key=lambda trial: trial.row.trial.number):
        if figures is not None:
            rows.append(row)
            each.append(figures)
    if not rows:
        return []
    figures = np.stack(each)
    by_error, inside = _by_error(figures, objectives)
    by_front = inside[_front_order(figures[inside], objectives)]
    pairs = zip(by_error[:len(inside)], by_front)
    order = dict.fromkeys([*(i for pair in pairs for i in pair), *by_error])
    return [rows[i] for i in order]


def _best(rows: Sequence[Record], objectives: Objectives) -> np.ndarray:
    """[K + C] figures of the network that a trial is judged by."""
    figures = np.stack([figures_of(row, objectives) for row in rows])
    return figures[_by_error(figures, objectives)[0][0]]


def _by_error(
    figures: np.ndarray, objectives: Objectives
) -> tuple[np.ndarray, np.ndarray]:
    """Networks of figures [N, K + C] in the order of those within, by their error,
    those outside, by their distance, and those that guess; and which are within."""
    error, over = figures[:, 0], excess(figures, limits_of(objectives))
    guesses = error > GUESSING * objectives.chance
    order = np.lexsort((error, over, guesses))
    return order, np.flatnonzero((over <= 0) & ~guesses)


def limits_of(objectives: Objectives) -> np.ndarray:
    """[K + C] the most of every figure: the hard budgets; where there are none, the
    soft bounds of the costs."""
    budgets = problem_of(objectives).budgets
    return np.array(budgets or (np.inf, *objectives.bounds[1:]))


def _front_order(figures: np.ndarray, objectives: Objectives) -> np.ndarray:
    """Networks of figures [N, K + C] by non-dominated rank, then by the hypervolume
    that their front loses without them, then by error -> [N] indices."""
    count = len(objectives.names)
    values = figures[:, :count].copy()
    floors = [goal.floor for goal in objectives.costs]
    values[:, 1:] = np.log10(np.maximum(values[:, 1:], floors))
    reference = np.array(
        [objectives.chance, *np.log10(problem_of(objectives).reference[1:])])
    ranks, lost = pareto.ranks(values), np.zeros(len(values))
    for rank in np.unique(ranks):
        front = np.flatnonzero(ranks == rank)
        whole = pareto.hypervolume(values[front], reference)
        for i in front:
            lost[i] = whole - pareto.hypervolume(values[front[front != i]], reference)
    return np.lexsort((values[:, 0], -lost, ranks))
