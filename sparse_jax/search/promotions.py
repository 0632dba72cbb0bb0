"""Which trainings go on: successive halving with continuation, from the study alone.

After every round all that have finished a rung so far are compared (Li et al. 2020).
Trials are judged once: no round reads those of earlier ones again.
"""

import math
from collections.abc import Iterable, Sequence

from sparse_jax.objectives.goals import Objectives
from sparse_jax.search.rungs import Judged, judged, ranked
from sparse_jax.settings.groups import Search
from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.records import Record


class Promotions:
    """The trainings of every rung, kept up to date round by round."""

    def __init__(
        self, search: Search, objectives: Objectives, networks: Iterable[Record] = ()
    ):
        """
        Args:
          search: its rungs, and the share that goes on.
          objectives: the goals, with hard budgets or soft bounds.
          networks: of the study so far, see `add`.
        """
        self._search, self._objectives = search, objectives
        self._rungs: list[dict[int, Judged]] = [{} for _ in search.rungs]
        self._highest: dict[int, int] = {}
        self._firsts: dict[int, Trial] = {}
        self.add(networks)

    def add(self, networks: Iterable[Record]) -> None:
        """Take note of trials and of their networks at other cuts, all of a trial
        together; one that had not finished before is told again when it has."""
        if not self._search.rungs:
            return
        rows = [row for row in networks if row.trial.rung != FINAL]
        self.expect(rows)
        for found in judged(rows, self._objectives):
            self._rungs[found.row.trial.rung][found.row.trial.number] = found

    def expect(self, networks: Iterable[Record]) -> None:
        """Take note of trials that go on, before anything is known of them."""
        for trial in (row.trial for row in networks if row.trial.rung != FINAL):
            self._highest[trial.first] = max(
                self._highest.get(trial.first, 0), trial.rung)
            if trial.origin is None:
                self._firsts[trial.number] = trial

    def parent_of(self, first: int) -> int | None:
        """Whose weights the first trial of a point began with; None for fresh ones."""
        return self._firsts[first].parent

    def next(self) -> list[Record]:
        """The trials whose points go on now, every round finished.

        Of all trials of a kind that were trained at a rung the best `search.promote`
        may go on, and never more than this share of them does: as a search improves,
        most new trials are among the best, and the worse half of them stops all the
        same. Heirs are one kind, trials that began afresh the other: what weights were
        worth before says little of what the rest of a training will be.

        Returns:
          Trials, the lowest rung first, of it fresh ones and then heirs, the best of
          each first.
        """
        chosen: list[Record] = []
        for rung, trials in enumerate(self._rungs[:-1]):
            for heir in (False, True):
                chosen += self._waiting(rung, [
                    trial for trial in trials.values()
                    if self._firsts[trial.row.trial.first].is_heir == heir])
        return chosen

    def _waiting(self, rung: int, trials: Sequence[Judged]) -> list[Record]:
        """Of trials of a rung those that go on now."""
        gone = {trial.row.trial.number for trial in trials
                if self._highest[trial.row.trial.first] > rung}
        # Rounded up a little: 0.1 of 10 is one.
        places = math.floor(self._search.promote * len(trials) + 1e-9)
        if places <= len(gone):
            return []
        best = ranked(trials, self._objectives)[:places]
        waiting = [row for row in best if row.trial.number not in gone]
        return waiting[:places - len(gone)]
