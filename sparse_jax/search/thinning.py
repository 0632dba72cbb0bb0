"""Whose weights a study keeps: of networks that anybody may still ask for.

The rule follows from the trials alone, and what is not needed once never is again:
whenever a search stops and goes on, the same weights are there in the end. A search
proposes, trains and finds the same without the weights that are dropped.
"""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from sparse_jax.objectives.goals import Objectives
from sparse_jax.search.references import References
from sparse_jax.search.stages import stage_of
from sparse_jax.search.standing import Standing
from sparse_jax.settings.groups import Search
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.records import PENDING, Record

BEST = 8
"""Points within the soft bounds whose best networks are kept, on the front or not; as
many as `search.finals`, if that is more."""


def needed(
    space: Space, networks: Sequence[Record], search: Search, objectives: Objectives,
    round_: int,
) -> set[int]:
    """Numbers of the trials whose weights somebody may ask for, see `Needs`.

    Args:
      space: the searched space.
      networks: all of the study so far.
      search: its settings.
      objectives: its goals.
      round_: that is suggested next.
    """
    standing = Standing(objectives, networks, best=kept_best(search))
    needs = Needs(search, standing, References(space))
    needs.add(networks)
    return needs.numbers(round_, [row for row in networks if row.status == PENDING])


def kept_best(search: Search) -> int:
    """Points within the soft bounds whose best networks are kept."""
    return max(BEST, search.finals)


class Needs:
    """Keeps account, trial by trial, of whose weights somebody may ask for.

    They are those of the front, whatever the cut; trainings of the end of the search;
    the best points within the soft bounds (`BEST`); parents of pending trials; trials
    that may go on to the next rung; and those that later points may inherit from. Of
    every point the latter is its longest training that is left of, see `References`. A
    trial is nobody's parent if another of the same layers, none of them smaller, errs
    less: `References.parent_of` would take that one. With rungs it has to be one that
    no longer training replaces. From stage 3 on parents are on the front of such
    trials.
    """

    def __init__(self, search: Search, standing: Standing, references: References):
        """
        Args:
          search: the settings.
          standing: of the same trials; it is told of further ones before this is.
          references: without any trial; this tells them.
        """
        self._search, self._standing = search, standing
        self.references = references
        """All of them, if points inherit."""
        self._top = max(len(search.rungs) - 1, 0)
        self._ends: set[int] = set()
        self._highest: dict[int, tuple[int, int]] = {}
        self._waiting: dict[int, int] = {}
        self._alike: dict[Hashable, set[int]] = {}
        self._uncovered: dict[Hashable, set[int]] = {}

    def add(self, networks: Iterable[Record]) -> None:
        """Take note of finished trials; their networks at other cuts are passed over.
        """
        rows = [row for row in networks
                if row.offset is None and row.status != PENDING]
        self._ends |= {row.trial.number for row in rows if row.trial.rung == FINAL}
        for row in rows:
            if row.trial.rung != FINAL:
                self._wait(row)
        if self._search.inherit:
            self._cover(self.references.add(rows))

    def numbers(self, round_: int, pending: Iterable[Record] = ()) -> set[int]:
        """The trials whose weights are kept.

        Args:
          round_: that is suggested next.
          pending: trials that are to be trained.
        """
        standing = self._standing
        parents = {row.trial.parent for row in pending}
        return {row.trial.number for row in (*standing.front, *standing.best)}.union(
            self._ends, self._waiting.values(), self._heritable(round_),
            (number for number in parents if number is not None and number >= 0))

    def _heritable(self, round_: int) -> set[int]:
        """The trials that a point of this round or of a later one may inherit from."""
        search = self._search
        if not search.inherit:
            return set()
        if len(search.stages) < 2:
            return set().union(*self._uncovered.values())
        if self._top:
            # A longer training that errs more would bring others back to the front.
            return {row.trial.number for row in self.references.rows}
        front = {row.trial.number
                 for row in self.references.front(self._standing.objectives)}
        if stage_of(round_, search.stages) == 3:
            return front
        return front.union(*self._uncovered.values())

    def _wait(self, row: Record) -> None:
        """Note whether a trial may go on to the next rung; the highest of its point
        decides."""
        trial = row.trial
        rank = (trial.rung, trial.number)
        if not self._top or rank < self._highest.get(trial.first, (-1, -1)):
            return
        self._highest[trial.first] = rank
        self._waiting.pop(trial.first, None)
        if row.trained and trial.rung < self._top:
            self._waiting[trial.first] = trial.number

    def _cover(self, places: Iterable[int]) -> None:
        """Find anew which of the references like some of them no other replaces."""
        rows, extents = self.references.rows, self.references.extents
        keys = {place: (extents[place].image, extents[place].layers)
                for place in places}
        for place, key in keys.items():
            self._alike.setdefault(key, set()).add(place)
        for key in set(keys.values()):
            alike = sorted(self._alike[key])
            kept = [alike[i] for i in uncovered(
                [rows[place] for place in alike],
                [extents[place].sizes for place in alike], self._top)]
            self._uncovered[key] = {rows[place].trial.number for place in kept}
            if not self._top:
                # What is replaced once stays so, unless longer trainings err more.
                self._alike[key] = set(kept)


def uncovered(
    rows: Sequence[Record], sizes: Sequence[np.ndarray], rung: int = 0
) -> list[int]:
    """Trials of equal layers that no other one replaces as a parent, whatever the
    child.

    Another one does if none of its sizes is smaller, and it has less error; of equal
    error the later trial does, as `References.parent_of` prefers it.

    Args:
      rows: [N] trained trials.
      sizes: [N] of them, see `extents.Extent`.
      rung: the least of those that may replace others.

    Returns:
      Their places in `rows`, that of least error first.
    """
    better, kept = np.zeros((0, len(sizes[0]))), []
    for i in sorted(range(len(rows)),
                    key=lambda i: (rows[i].error, -rows[i].trial.number)):
        if (better >= sizes[i]).all(axis=1).any():
            continue
        kept.append(i)
        if rows[i].trial.rung >= rung:
            better = np.concatenate([better, sizes[i][None]])
    return kept
