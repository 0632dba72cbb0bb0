"""What is trained again at the end of a search: its best networks, longer."""

import math
import statistics
from collections.abc import Sequence

from sparse_jax.objectives.goals import Objectives, ranked_under
from sparse_jax.search.credit import admitted
from sparse_jax.settings.groups import Settings
from sparse_jax.study.finals import current_end
from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.record import Record

LONGER = 2
"""Times the epochs of a training of the search, where `search.final_epochs` is 0."""
DEARER = 1.2
"""Plain epochs for one that prunes on a schedule, where only the end does; 1.17 were
measured on a CPU (1,391 weights, CIFAR-10 in two groups)."""


def epochs_of(settings: Settings) -> int:
    """Epochs of every training of the end."""
    return settings.search.final_epochs or LONGER * settings.train.epochs


def most_epochs(settings: Settings) -> int:
    """Of any training of a search, its end included."""
    longest = epochs_of(settings) if settings.search.final_share else 0
    return max(settings.train.epochs, longest)


def plan(
    networks: Sequence[Record], settings: Settings, objectives: Objectives,
    seconds: float | None, first: int, at_once: float = 1.0,
    screened: Objectives | None = None,
) -> list[tuple[Trial, dict]]:
    """The next trainings of the end, with their points as the table has them.

    The best `search.finals` points are those of the networks of least validation error
    within the bounds. Of the `search.final_starts` of each a third, rounded up, goes on
    from the weights of that network; the others start afresh. Points are taken as they
    fit, the best first; past one that is too slow others may. With a clock it is the
    seconds that are left, by what an epoch of each took in the search and, once there
    are finals, how that turned out; without one `search.final_share` of all epochs.
    The best is always taken, if need be for as many epochs as fit, at least those of
    the search.

    Args:
      networks: of all rounds so far; an end that has begun goes on with points that it
        has not trained yet.
      settings: of the search.
      objectives: its goals.
      seconds: that are left; None without a clock.
      first: number of the first training.
      at_once: trainings that run side by side, see `side_by_side`.
      screened: what the rounds judge by, see `best`.
    """
    search = settings.search
    begun = current_end(networks)
    epochs = begun[0].trial.epochs if begun else epochs_of(settings)
    known = {row.trial.first for row in begun}
    searched = best(networks, objectives, screened)[:search.finals]
    rows = [row for row in searched if row.trial.first not in known]
    if not rows:
        return []
    room = seconds
    if room is None:
        room = _epochs_left(networks, search.final_share, begun)
    # Seconds, or epochs, of one epoch of all starts.
    slower = _slower(begun, searched, 1.0 if screened is None else DEARER)
    prices = [search.final_starts * (
        1.0 if seconds is None else slower * _pace(row) / at_once) for row in rows]
    if not begun and prices[0] and prices[0] * epochs > room:
        epochs = min(epochs, max(settings.train.epochs, math.floor(room / prices[0])))
        return _trainings(rows[:1], search.final_starts, epochs, first)
    chosen, used = [], 0.0
    for row, price in zip(rows, prices):
        if used + price * epochs <= room:
            chosen.append(row)
            used += price * epochs
    return _trainings(chosen, search.final_starts, epochs, first)


def side_by_side(networks: Sequence[Record], seconds: float) -> float:
    """How many trainings of the last round have run at once, on average; at least one.
    Of a round that compiled too it is less than what an end may expect.

    Args:
      networks: of all rounds.
      seconds: wall-clock of the last one.
    """
    last = max(row.round for row in networks)
    spent = sum(row.train_seconds or 0.0 for row in networks
                if row.round == last and row.offset is None)
    return max(spent / seconds, 1.0) if seconds > 0 else 1.0


def _trainings(
    rows: Sequence[Record], starts: int, epochs: int, first: int
) -> list[tuple[Trial, dict]]:
    planned = []
    for row in rows:
        for start in range(starts):
            inherits = 3 * start < starts
            parent = row.trial.number if inherits else None
            planned.append((Trial(
                first + len(planned), row.trial.row, epochs, parent, FINAL,
                row.trial.first), row.point))
    return planned


def best(
    networks: Sequence[Record], objectives: Objectives,
    screened: Objectives | None = None,
) -> list[Record]:
    """The network of least validation error within the soft bounds of every point that
    has one, the best first; without trainings of an end.

    screened: what the rounds judge by where the end alone prunes, see
      `starts.screened`.
    """
    rows = [row for row in networks if row.trial.rung != FINAL]
    if screened is not None:
        rows, objectives = admitted(rows, screened), screened
    found: dict[int, Record] = {}
    for row in ranked_under(rows, objectives):
        found.setdefault(row.trial.first, row)
    return list(found.values())


def _epochs_left(
    networks: Sequence[Record], share: float, begun: Sequence[Record]
) -> float:
    """What the end of a search may train yet, if it is this share of all its epochs.

    begun: its trainings so far.
    """
    epochs = lambda rows: sum(row.trial.epochs for row in rows
                              if row.offset is None and row.costs is not None)
    used = epochs(begun)
    return (epochs(networks) - used) * share / (1.0 - share) - used


def _slower(
    begun: Sequence[Record], searched: Sequence[Record], before: float
) -> float:
    """An epoch of the end in those of the search, by the median of the points that it
    has trained: short trainings beside compilations seem slow. `before` any."""
    paces = {row.trial.first: _pace(row) for row in searched}
    ratios = [_pace(row) / paces[row.trial.first] for row in begun
              if row.offset is None and row.train_seconds
              and paces.get(row.trial.first)]
    return statistics.median(ratios) if ratios else before


def _pace(row: Record) -> float:
    """Seconds of one epoch, of those that ran beside it too."""
    return (row.train_seconds or 0.0) / row.trial.epochs
