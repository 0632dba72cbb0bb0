"""The end of a search: its best networks, trained again from several starts.

The best of hundreds of trainings is partly luck. What several trainings of one network
have in common is not: finals are ranked by their means.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.goals import Objectives, best_under
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.record import PENDING, Record


class Final(NamedTuple):
    """A network of the table that was trained again at the end of a search."""

    first: int
    """Number of the first trial of its point."""
    starts: tuple[Record, ...]
    """Its trainings at their own cut, in order."""
    networks: tuple[Record, ...]
    """The best network of every training that gives one within the bounds, least error
    first."""

    @property
    def error(self) -> float:
        """Mean validation error of `networks`; infinite without any."""
        return float(np.mean([row.figures[0] for row in self.networks] or [np.inf]))

    @property
    def holds(self) -> bool:
        """Whether half of the starts or more give a network."""
        return 2 * len(self.networks) >= len(self.starts) and bool(self.networks)


def last_end(networks: Sequence[Record]) -> list[Record]:
    """The trainings of the last end of a search, at their own cut.

    An end takes one round, or several that follow one another. A search that goes on
    after it has its figures until the next end begins.

    Args:
      networks: trials of a study; their networks at other cuts are left out.

    Returns:
      In their order; none if the search has had no end.
    """
    trials = [row for row in networks
              if row.offset is None and row.trial.rung == FINAL]
    rounds = {row.round for row in trials}
    first = max(rounds, default=0)
    while first - 1 in rounds:
        first -= 1
    return [row for row in trials if row.round >= first]


def current_end(networks: Sequence[Record]) -> list[Record]:
    """The trainings of the last end, unless the search has gone on since: the end that
    further finals would belong to."""
    found = last_end(networks)
    last = max((row.round for row in networks), default=0)
    return found if any(row.round == last for row in found) else []


def _any(row: Record) -> bool:
    return True


def ranking(
    networks: Sequence[Record], objectives: Objectives,
    allowed: Callable[[Record], bool] = _any,
) -> list[Final]:
    """The finals of the last end of a search, the most trusted first.

    A training counts with its network of least validation error within the bounds,
    whichever its cut. Networks that half of the starts or more give come before others;
    then the least mean error, then the earlier trial.

    Args:
      networks: trials of a study, and their networks at other cuts.
      objectives: its goals.
      allowed: whether a network may stand for its training.

    Returns:
      One entry for every point; none before all trainings of the end have finished, or
      if the search had none.
    """
    trials = last_end(networks)
    if any(row.status == PENDING for row in trials):
        return []
    of_trial: dict[int, list[Record]] = {row.trial.number: [] for row in trials}
    for row in networks:
        if row.trial.number in of_trial and allowed(row):
            of_trial[row.trial.number].append(row)
    found = []
    for first in dict.fromkeys(row.trial.first for row in trials):
        starts = tuple(row for row in trials if row.trial.first == first)
        best = [best_under(of_trial[row.trial.number], objectives) for row in starts]
        good = sorted((row for row in best if row is not None),
                      key=lambda row: (row.figures[0], row.trial.number))
        found.append(Final(first, starts, tuple(good)))
    return sorted(found, key=lambda final: (not final.holds, final.error, final.first))


def chosen(
    networks: Sequence[Record], objectives: Objectives,
    allowed: Callable[[Record], bool] = _any,
) -> Record | None:
    """The network that a study stands for: what reports name and exports take.

    After an end of the search it is the best start of the final of the best mean; else
    the network of least validation error within the soft bounds.

    Args:
      networks: trials of a study, and their networks at other cuts.
      objectives: its goals.
      allowed: whether a network is one that may be chosen.

    Returns:
      None if no network that is allowed is within the bounds.
    """
    for final in ranking(networks, objectives, allowed):
        if final.networks:
            return final.networks[0]
    return best_under(list(filter(allowed, networks)), objectives)
