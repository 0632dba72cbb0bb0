"""The trials of a round: suggested points, and trainings that go on."""

from collections.abc import Sequence

import numpy as np

from sparse_jax.search import rungs
from sparse_jax.search.promotions import Promotions
from sparse_jax.search.references import References
from sparse_jax.search.setup import Setup
from sparse_jax.search.stages import stage_of
from sparse_jax.study.outcome import Trial


def fresh_trials(
    setup: Setup, points: np.ndarray, first: int, round_: int, references: References,
    given: Sequence[int | None] = (),
) -> list[Trial]:
    """Number suggested points, find their parents and set how long they train.

    Args:
      setup: the objects of the search.
      points: [B, D] canonical.
      first: number of the first of them.
      round_: that they are of.
      references: of all trials so far.
      given: parents that points have of their own; None, or nothing, for those of the
        references.
    """
    search, among = setup.settings.search, None
    if not search.inherit:
        among = []
    elif stage_of(round_, search.stages) == 3:
        among = references.front(setup.objectives)
    trials = []
    for i, point in enumerate(points):
        parent = given[i] if i < len(given) else None
        if parent is None:
            parent = references.parent_of(
                point, min_overlap=search.min_overlap, among=among)
        epochs = rungs.epochs_of(search.rungs, _whole(setup, parent))
        trials.append(Trial(first + i, point, epochs, parent))
    return trials


def continued_trials(
    setup: Setup, promotions: Promotions, first: int
) -> list[tuple[Trial, dict]]:
    """The trainings that go on now, with their points as the table has them.

    Args:
      setup: the objects of the search.
      promotions: of the study so far, every round finished.
      first: number of the first of them.
    """
    search, planned = setup.settings.search, []
    for number, row in enumerate(promotions.next(), first):
        before, rung = row.trial, row.trial.rung + 1
        whole = _whole(setup, promotions.parent_of(before.first))
        epochs = rungs.epochs_of(search.rungs, whole, rung)
        planned.append((Trial(number, before.row, epochs, before.number, rung,
                              before.first), row.point))
    return planned


def _whole(setup: Setup, parent: int | None) -> int:
    """Epochs of the whole training of a point that starts from this parent. Weights
    from before any training are not those of a whole one."""
    epochs = setup.settings.train.epochs
    if parent is None or parent < 0:
        return epochs
    return max(1, round(setup.settings.search.child_epochs * epochs))
