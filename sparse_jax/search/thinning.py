"""Whose weights a study keeps: of networks that anybody may still ask for.

The rule follows from the trials alone, and what is not needed once never is again:
whenever a search stops and goes on, the same weights are there in the end. A search
proposes, trains and finds the same without the weights that are dropped.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from sparse_jax.model.weights import Extent, extent
from sparse_jax.objectives.goals import Objectives, front_of
from sparse_jax.search import finals
from sparse_jax.search.stages import stage_of
from sparse_jax.settings.groups import Search
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.lineage import latest
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.records import PENDING, Record

BEST = 8
"""Points within the soft bounds whose best networks are kept, on the front or not; as
many as `search.finals`, if that is more."""


def needed(
    space: Space, networks: Sequence[Record], search: Search, objectives: Objectives,
    round_: int,
) -> set[int]:
    """Numbers of the trials whose weights somebody may ask for.

    They are those of the front, whatever the cut; trainings of the end of the search;
    the best points within the soft bounds (`BEST`); parents of pending trials; trials
    that may go on to the next rung; and those that later points may inherit from, see
    `heritable`.

    Args:
      space: the searched space.
      networks: all of the study so far.
      search: its settings.
      objectives: its goals.
      round_: that is suggested next.
    """
    rows = [row for row in networks if row.offset is None]
    kept = [*front_of(networks, objectives),
            *finals.best(networks, objectives)[:max(BEST, search.finals)],
            *(row for row in rows if row.trial.rung == FINAL),
            *_waiting(rows, search),
            *heritable(space, rows, search, objectives, round_)]
    pending = {row.trial.parent for row in rows if row.status == PENDING}
    return {row.trial.number for row in kept} | {
        number for number in pending if number is not None and number >= 0}


def heritable(
    space: Space, rows: Sequence[Record], search: Search, objectives: Objectives,
    round_: int,
) -> list[Record]:
    """The trials that a point of this round or of a later one may inherit from.

    Of every point it is its longest training that is left of, see `planning`. A trial
    is nobody's parent if another of the same layers, none of them smaller, errs less:
    `lineage.parent_of` would take that one. With rungs it has to be one that no longer
    training replaces. From stage 3 on parents are on the front of such trials.
    """
    if not search.inherit:
        return []
    found = references(rows)
    replaced = len(search.rungs) > 1
    if stage_of(round_, search.stages) == 3 and not replaced:
        return front_of(found, objectives)
    if len(search.stages) < 2:
        top = max(len(search.rungs) - 1, 0)
        return uncovered(space, found, lambda row: row.trial.rung >= top)
    if replaced:
        # A longer training that errs more would bring others back to the front.
        return found
    return [*uncovered(space, found), *front_of(found, objectives)]


def references(rows: Sequence[Record]) -> list[Record]:
    """Of every point its longest training that anything is left of: the posterior of a
    network that its own cut empties hardly recovers."""
    return latest([row for row in rows if row.trained and not row.empty])


def uncovered(
    space: Space, rows: Sequence[Record],
    stays: Callable[[Record], bool] = lambda row: True,
) -> list[Record]:
    """Trials that no other one replaces as a parent, whatever the child.

    Another one does if it has the same layers, none smaller, and less error; of equal
    error the later trial does, as `lineage.parent_of` prefers it.

    Args:
      space: the searched space.
      rows: trained trials.
      stays: which of them may replace others.

    Returns:
      Some of `rows`, in their order.
    """
    ranked = sorted(rows, key=lambda row: (row.error, -row.trial.number))
    sizes: dict[tuple, list[np.ndarray]] = {}
    kept = set()
    for row, own in zip(ranked, _extents(space, ranked)):
        better = sizes.setdefault(own.layers, [])
        if any((other >= own.sizes).all() for other in better):
            continue
        kept.add(row.trial.number)
        if stays(row):
            better.append(own.sizes)
    return [row for row in rows if row.trial.number in kept]


def _waiting(rows: Sequence[Record], search: Search) -> list[Record]:
    """Trials of the highest rung of their point that may go on to the next."""
    if len(search.rungs) < 2:
        return []
    return [row for row in latest(rows)
            if row.trained and row.trial.rung < len(search.rungs) - 1]


def _extents(space: Space, rows: Sequence[Record]) -> list[Extent]:
    """What every trial offers to children; remembered, searches ask every round."""
    memory = _memory(space)
    if len(memory) > encoding.MAX_REMEMBERED:
        memory.clear()
    names = [row.trial.row.tobytes() for row in rows]
    for name, row in zip(names, rows):
        if name not in memory:
            memory[name] = extent(encoding.graph(space, row.trial.row))
    return [memory[name] for name in names]


@functools.lru_cache(maxsize=4)
def _memory(space: Space) -> dict[bytes, Extent]:
    del space
    return {}
