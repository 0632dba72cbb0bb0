"""The clock of a search, and what ends it: its rounds, its minutes, its patience."""

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sparse_jax.settings.groups import Search
from sparse_jax.study.record import RoundRecord
from sparse_jax.study.records import Study

CLOCK, END = 'clock', 'end'
"""What a study remembers under these names: seconds so far, and the `End` of its
rounds."""
SECONDS = 'clock_seconds'
"""In the info of a round: seconds of the study when it had finished."""
ROUNDS, MINUTES, PATIENCE = 'rounds', 'max_minutes', 'patience'
"""Settings that end the rounds of a search."""
_RECENT = 3
"""Rounds that tell how long the next one takes: the longest of them."""


class Clock:
    """Wall-clock seconds of all sessions of a study together."""

    def __init__(
        self, study: Study, began: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        """Go on from what the study remembers.

        Args:
          study: open for writing.
          began: reading of `now` when this session began; the present one if None.
          now: a clock that never goes back, in seconds.
        """
        self._study, self._now = study, now
        self._began = now() if began is None else began
        self._before = seconds_of(study)

    def seconds(self) -> float:
        """Of this session and all before it."""
        return self._before + max(self._now() - self._began, 0.0)

    def save(self) -> None:
        """Store the seconds; what comes after the last call, a kill loses."""
        self._study.set_meta(CLOCK, f'{self.seconds():.3f}')


class End(NamedTuple):
    """Why the rounds of a search have ended; kept in its study."""

    rounds: int
    """So many were finished, its end not counted."""
    why: str
    """`ROUNDS`, `MINUTES` or `PATIENCE`."""
    limit: float
    """Of the setting of this name, when it ended them."""


def ending(search: Search, rounds: Sequence[RoundRecord], seconds: float) -> End | None:
    """Whether a search begins no further round, and why.

    Args:
      search: its limits: `rounds`, `max_minutes` and `patience`; of the first two the
        end of the search has `final_share`.
      rounds: all of them so far; those that have not finished, and those that trained
        finals, are left out.
      seconds: of the study so far; those of finals are not the rounds', so that more
        minutes are shared as the first ones were.

    Returns:
      The first limit that holds; None if another round begins. The first round always
      does.
    """
    done = _finished(rounds)
    if len(done) >= search.most_rounds:
        return End(len(done), ROUNDS, search.rounds)
    if search.patience and idle_rounds(rounds) >= search.patience:
        return End(len(done), PATIENCE, search.patience)
    spent = seconds - _of_ends(rounds)
    if done and spent + seconds_of_next(rounds) > _limit(search):
        return End(len(done), MINUTES, search.max_minutes)
    return None


def remembered(study: Study, search: Search) -> End | None:
    """How the rounds ended in an earlier session, if nothing lets them go on now."""
    try:
        end = End(*json.loads(study.meta(END) or '[]'))
        fresh = end.limit >= getattr(search, end.why)
    except (TypeError, ValueError, AttributeError, RecursionError):
        return None
    off = end.why != ROUNDS and not getattr(search, end.why)
    return end if fresh and not off else None


def remember(study: Study, end: End) -> None:
    """Store how the rounds ended."""
    study.set_meta(END, json.dumps(end))


def idle_rounds(rounds: Sequence[RoundRecord]) -> int:
    """How many of the last rounds brought no hypervolume; none while there is none.

    What the trainings of an end bring is no gain of the round after it.
    """
    best, idle = 0.0, 0
    for record in _finished(rounds, ends=True):
        volume = record.hypervolume or 0.0
        if not record.is_end:
            idle = 0 if volume > best or not best else idle + 1
        best = max(best, volume)
    return idle


def durations(rounds: Sequence[RoundRecord], *, ends: bool = False) -> list[float]:
    """Seconds of every finished round, what lies between two of them included; of
    rounds without a clock what was measured of them.

    ends: also of those that trained finals.
    """
    found, before = [], 0.0
    for record in rounds:
        info, after = record.info, record.info.get(SECONDS)
        wall = info.get('wall_seconds')
        took = (wall if isinstance(wall, int | float) else 0.0) + (
            record.suggest_seconds or 0.0)
        if isinstance(after, int | float) and after >= before:
            took, before = after - before, after
        found += [took] * len(_finished([record], ends=ends))
    return found


def seconds_of_next(rounds: Sequence[RoundRecord]) -> float:
    """What the next round takes at most, by the longest of the last few."""
    return max(durations(rounds)[-_RECENT:], default=0.0)


def seconds_left(
    search: Search, rounds: Sequence[RoundRecord], seconds: float
) -> float:
    """Until a search ends, by its last finished rounds, of which there is one at
    least; at most what the clock leaves."""
    known, spent = durations(rounds), seconds - _of_ends(rounds)
    recent = known[-_RECENT:]
    begun = max(spent - sum(known), 0.0)
    needed = sum(recent) / len(recent) * (search.most_rounds - len(known)) - begun
    return max(min(needed, _limit(search) - spent), 0.0)


def _of_ends(rounds: Sequence[RoundRecord]) -> float:
    """Seconds of the rounds that trained finals."""
    return sum(durations(rounds, ends=True)) - sum(durations(rounds))


def _limit(search: Search) -> float:
    """Seconds of all rounds before the end of a search; infinite without a clock."""
    return 60.0 * search.max_minutes * (1.0 - search.final_share) or math.inf


def _finished(
    rounds: Sequence[RoundRecord], *, ends: bool = False
) -> list[RoundRecord]:
    return [record for record in rounds if record.hypervolume is not None
            and (ends or not record.is_end)]


def seconds_of(study: Study) -> float:
    """All sessions of a study, as a clock has saved them; 0 for what no clock
    writes."""
    try:
        found = float(study.meta(CLOCK) or 0.0)
    except ValueError:
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0
