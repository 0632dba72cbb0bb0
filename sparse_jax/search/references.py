"""The trainings that later points may inherit from, kept up to date trial by trial.

SpArSe calls them references: "most of phi^n can be inherited from phi^r".
"""

from collections.abc import Iterable, Sequence

import numpy as np

from sparse_jax.model.extents import Extent, Offers, extent
from sparse_jax.objectives.goals import Objectives, front_of
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.records import Record

NEAR = 0.05
"""Of a point's weights: references that cover that much less count alike."""


class References:
    """Of every point its longest training that anything is left of: the posterior of a
    network that its own cut empties hardly recovers.

    Trainings of the end of a search are none. A longer training takes the place of a
    shorter one, whatever its error.
    """

    def __init__(self, space: Space, rows: Iterable[Record] = ()):
        """
        Args:
          space: the searched space.
          rows: trials so far.
        """
        self._space = space
        self._offers = Offers()
        self._places: dict[int, int] = {}
        self._errors, self._numbers = np.zeros(0), np.zeros(0, int)
        self._front: list[Record] = []
        self._fresh: list[Record] = []
        self._replaced = False
        self.rows: list[Record] = []
        """In the order of their points."""
        self.extents: list[Extent] = []
        """Of `rows`."""
        self.add(rows)

    def add(self, rows: Iterable[Record]) -> list[int]:
        """Take note of finished trials; others are passed over.

        Returns:
          The places in `rows` of those that are new, or longer than what was there.
        """
        changed = [place for row in rows if (place := self._put(row)) is not None]
        more = len(self.rows) - len(self._errors)
        self._errors = np.append(self._errors, np.zeros(more))
        self._numbers = np.append(self._numbers, np.zeros(more, int))
        for place in changed:
            self._errors[place] = self.rows[place].error
            self._numbers[place] = self.rows[place].trial.number
        return changed

    def parent_of(
        self, point: np.ndarray, *, min_overlap: float,
        among: Sequence[Record] | None = None,
    ) -> int | None:
        """The trial whose weights a new point inherits; None to start fresh.

        It is the reference that covers most of the point's weights; of those within
        `NEAR` of it that of least error, the latest if equal.

        Args:
          point: [D] canonical.
          min_overlap: the least share of its weights that a parent covers.
          among: the references that may be; all by default.
        """
        if not self.rows or among is not None and not among:
            return None
        shares = self._offers.shares(extent(encoding.graph(self._space, point)))
        if among is not None:
            allowed = np.zeros(len(shares), bool)
            allowed[[self._places[row.trial.first] for row in among]] = True
            shares = np.where(allowed, shares, -1.0)
        if shares.max() < min_overlap:
            return None
        near = np.flatnonzero(shares >= shares.max() - NEAR)
        order = np.lexsort((-self._numbers[near], self._errors[near]))
        return int(self._numbers[near[order[0]]])

    def front(self, objectives: Objectives) -> list[Record]:
        """The references that no other one dominates.

        objectives: the same at every call.
        """
        rows = self.rows if self._replaced else [*self._front, *self._fresh]
        if self._replaced or self._fresh:
            self._front = front_of(
                sorted(rows, key=lambda row: row.trial.number), objectives)
        self._fresh, self._replaced = [], False
        return self._front

    def _put(self, row: Record) -> int | None:
        """The place of a trial; None if it is no reference."""
        trial = row.trial
        if row.offset is not None or trial.rung == FINAL or not row.trained or (
                row.empty):
            return None
        place = self._places.get(trial.first)
        if place is None:
            place = self._places[trial.first] = len(self.rows)
            own = extent(encoding.graph(self._space, trial.row))
            self._offers.append(own)
            self.extents.append(own)
            self.rows.append(row)
            self._fresh.append(row)
            return place
        there = self.rows[place].trial
        if (trial.rung, trial.number) <= (there.rung, there.number):
            return None
        self.rows[place], self._replaced = row, True
        return place
