"""What a search learns of a training: the best of the networks that its cuts give."""

from collections.abc import Iterable, Sequence

import numpy as np

from sparse_jax import status
from sparse_jax.objectives.goals import Objectives, figure
from sparse_jax.search.problem import problem_of
from sparse_jax.study.records import Record
from sparse_jax.types import Evaluation

_OK, _OVER = status.NAMES[status.OK], status.NAMES[status.OVER_BUDGET]


def excess(figures: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """By how much the worst of figures [B, M] is over its budget [M]: the logarithm of
    their ratio, 0 within and infinite where a figure is missing, [B]."""
    ratio = np.where(np.isnan(figures), np.inf, figures / budgets)
    return np.log(np.maximum(ratio.max(axis=1), 1.0))


def best_cut(own: Record, cuts: Sequence[Record], objectives: Objectives) -> Record:
    """The network that a training is credited with.

    Args:
      own: the trial at its own cut.
      cuts: the same training at the other cuts that were measured.
      objectives: the goals; hard budgets among them.

    Returns:
      Where there are hard budgets, of the networks within them that of least error; if
      none is within, that which exceeds them least: it says how far away the training
      is. Of equal ones, and without budgets, its own.
    """
    budgets = problem_of(objectives).budgets
    if not budgets or not own.trained:
        return own
    rows = [row for row in (own, *cuts) if row.error is not None]
    figures = np.stack([figures_of(row, objectives) for row in rows])
    # The first figure of every search is the error.
    order = np.lexsort((figures[:, 0], excess(figures, np.array(budgets))))
    return rows[order[0]]


def admitted(
    networks: Iterable[Record], screened: Objectives
) -> list[Record]:
    """Networks as rounds see them that prune nothing: those over a budget of the study
    alone are within.

    screened: the goals of the rounds, see `starts.screened`.
    """
    budgets = np.array(problem_of(screened).budgets)
    within = lambda row: row.trained and row.status == _OVER and not excess(
        figures_of(row, screened)[None], budgets)[0]
    return [row._replace(status=_OK) if within(row) else row for row in networks]


def figures_of(row: Record, objectives: Objectives) -> np.ndarray:
    """[K + C] objectives and further costs of a network, NaN where not measured."""
    return np.array(
        [figure(row, goal.name, objectives) for goal in objectives.used], float)


def evaluation_of(
    rows: Sequence[Record], curves: Sequence[Record], objectives: Objectives
) -> Evaluation:
    """What became of the trials of a round, for the algorithms.

    Args:
      rows: B trials.
      curves: networks of theirs, or of other trials, at other cuts.
      objectives: the goals; hard budgets among them.
    """
    values = np.full((len(rows), len(objectives.used)), np.nan)
    for i, own in enumerate(rows):
        if own.ok or (own.trained and own.status == _OVER):
            cuts = [row for row in curves if row.trial.number == own.trial.number]
            values[i] = figures_of(best_cut(own, cuts, objectives), objectives)
    problem, count = problem_of(objectives), len(objectives.names)
    over = excess(values, np.array(problem.budgets)) if problem.budgets else None
    codes = np.array([status.NAMES.index(row.status) for row in rows])
    return Evaluation(values[:, :count], codes, values[:, count:], over)
