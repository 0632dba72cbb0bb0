"""What is known of the trials of a study: no round reads those of earlier ones again.

With `search.lag` a round is planned while the one before it trains. What plans know is
then one round behind, whenever they are made: it follows from the numbers of rounds.
"""

from collections.abc import Sequence

import numpy as np

from sparse_jax.search import archive, seen, thinning
from sparse_jax.search.promotions import Promotions
from sparse_jax.search.references import References
from sparse_jax.search.setup import Setup
from sparse_jax.search.standing import Standing
from sparse_jax.search.thinning import Needs
from sparse_jax.study.records import PENDING, Record
from sparse_jax.types import Archive


class Books:
    """Kept up to date round by round.

    `standing` is of all trials that have finished. Plans are made from the others,
    which are of the rounds that a plan may know of; what they are not told yet trains,
    or is as if it still did. Nothing of them changes but in `expect` and `finish`.
    """

    def __init__(self, setup: Setup, networks: Sequence[Record] = ()):
        """
        Args:
          setup: the objects of the search.
          networks: all of the study so far, also of trials that have not finished.
        """
        search = setup.settings.search
        self._setup, self._lag = setup, search.lag
        self.standing = Standing(
            setup.objectives, networks, thinning.kept_best(search), setup.screened)
        self.needs = Needs(search, self.standing, References(setup.space))
        self.promotions = Promotions(search, setup.sought)
        self._seen = seen.nothing(setup.domain.dim, setup.sought)
        self._untold: dict[int, Sequence[Record]] = {}
        self.rounds = 0
        """That have finished."""
        rounds: dict[int, list[Record]] = {}
        for row in networks:
            rounds.setdefault(row.round, []).append(row)
        for round_, rows in sorted(rounds.items()):
            if any(row.status == PENDING for row in rows):
                self._untold[round_] = rows
                break
            self.finish(round_, rows)

    def expect(self, round_: int, networks: Sequence[Record]) -> None:
        """Prepare for a plan of the next round while this one trains.

        networks: of this round, trained or not.
        """
        self._untold[round_] = networks
        self._tell(round_ + 1)

    def finish(self, round_: int, networks: Sequence[Record]) -> None:
        """Take note of a round that has finished, and prepare for a plan of the next.

        networks: all of this round.
        """
        self._untold[round_] = networks
        self.rounds = round_ + 1
        self._tell(self.rounds)

    def archive(self, round_: int) -> Archive:
        """What an algorithm is told when it suggests a round: the next one, or that
        after a round that trains."""
        found = seen.levelled(self._seen, self._setup.sought)
        rows = [row.trial.row for rows in self._untold.values() for row in rows
                if row.offset is None and row.trial.origin is None]
        return archive.expect(found, np.array(rows), round_) if self._lag else found

    def kept(self, round_: int, pending: Sequence[Record]) -> set[int]:
        """The trials whose weights a study keeps, see `Needs`; all of those that plans
        are not told of yet.

        Args:
          round_: that is suggested next.
          pending: trials that are to be trained.
        """
        return self.needs.numbers(round_, pending).union(
            row.trial.number for rows in self._untold.values() for row in rows)

    def _tell(self, round_: int) -> None:
        """Tell what a plan of a round is made from what it may know."""
        for number in sorted(self._untold):
            if number < round_ - self._lag:
                rows = list(self._untold.pop(number))
                self.needs.add(rows)
                self.promotions.add(rows)
                self._seen = seen.add(self._seen, rows, self._setup.sought)
        for rows in self._untold.values():
            self.promotions.expect(rows)
