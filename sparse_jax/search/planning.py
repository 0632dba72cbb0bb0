"""The trials of a round: suggested points, and trainings that go on."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax.search import rungs, strategies
from sparse_jax.search.books import Books
from sparse_jax.search.promotions import Promotions
from sparse_jax.search.references import References
from sparse_jax.search.setup import Setup
from sparse_jax.search.stages import stage_of
from sparse_jax.search.suggestion import expected, suggestion
from sparse_jax.space import encoding
from sparse_jax.study.outcome import Trial, inherits
from sparse_jax.types import SuggestInfo

SUGGEST_STREAM = 3


class Plan(NamedTuple):
    """A round that is not stored yet."""

    trials: list[Trial]
    points: list[dict]
    """Of the trials, as the table has them."""
    info: dict[str, Any]
    """Diagnostics by name."""
    expected: Sequence[tuple[float, ...]]
    """Of the objectives of the first of the trials; () where nothing was."""


def plan(
    setup: Setup, books: Books, round_: int, first: int,
    given: strategies.Batch | None = None, begin: float | None = None,
) -> Plan | None:
    """A batch of new points and the trainings that go on; None where there is neither.

    It follows from what the books tell a plan of this round and from the seed. It reads
    no study: it may run in a thread, beside trainings, while the books stay as they
    are.

    Args:
      setup: the objects of the search.
      books: prepared for this round.
      round_: from 0.
      first: number of its first trial.
      given: points that were known before any training; None where the algorithm
        suggests.
      begin: reading of `time.perf_counter` when the round was asked for; now if None.
    """
    begin = time.perf_counter() if begin is None else begin
    key = jax.random.fold_in(
        jax.random.fold_in(setup.root_key, SUGGEST_STREAM), round_)
    info = SuggestInfo()
    if given is None:
        points, info = suggestion(setup, key, books.archive(round_))
    else:
        points = given.rows
    # An algorithm of one's own need not know which settings build the same network.
    points = encoding.canonical(setup.space, points)
    told = expected(setup, points, info)
    seconds = time.perf_counter() - begin
    trials = fresh_trials(setup, points, first, round_, books.needs.references,
                          given.parents if given else ())
    described = [encoding.active_point(setup.space, row) for row in points]
    continued = continued_trials(setup, books.promotions, first + len(trials))
    if not trials and not continued:
        return None
    extra = {k: float(v) for k, v in (info.extra or {}).items()
             if isinstance(v, int | float | np.integer | np.floating)}
    stage = stage_of(round_, setup.settings.search.stages)
    extra |= {'suggest_seconds': seconds, 'stage': stage}
    if setup.settings.search.rungs:
        extra |= {'promoted': len(continued)}
    trials += [trial for trial, _ in continued]
    return Plan(trials, [*described, *(point for _, point in continued)], extra,
                told or ())


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
    """Epochs of the whole training of a point that starts from this parent."""
    epochs = setup.settings.train.epochs
    if not inherits(parent):
        return epochs
    return max(1, round(setup.settings.search.child_epochs * epochs))
