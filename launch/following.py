"""A page that follows a search which another process runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparse_jax.report.facts import Facts
    from sparse_jax.study.front import Member
    from sparse_jax.study.opened import OpenStudy
    from sparse_jax.study.record import Record

PAUSE = 10.0
"""Seconds between two pages, at least."""
SHARE = 10.0
"""A page is followed by so many times the seconds that it took: the search keeps the
processor."""
_TICK = 1.0
"""Seconds after which the end of a search is noticed."""


def wait(
    folder: str, say: Callable[[str], object],
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Wait until a folder has a study, or something that cannot become one.

    Args:
      folder: it need not exist.
      say: takes one line, if there is something to wait for.
      sleep: waits so many seconds.
    """
    from sparse_jax.study import glance

    told = False
    while glance.is_awaited(folder):
        if not told:
            say(f'no study in {folder!r} yet: waiting for the search that begins it; '
                'Ctrl-C ends')
        told = True
        sleep(_TICK)


class Follower:
    """Gathers the facts of a study again and again; what stays is read once."""

    def __init__(self, study: OpenStudy, rows: Callable[[OpenStudy], list[Record]]):
        """Follow a study.

        Args:
          study: open; a search may go on in it.
          rows: its networks that a page is about.
        """
        self._study, self._rows = study, rows
        self._members: dict[str, Member] = {}
        self._facts: Facts | None = None

    def facts(self) -> Facts:
        """The study as it is now; no test data are looked at."""
        from sparse_jax.evaluation import predictions
        from sparse_jax.report import facts, network

        found = facts.gather(self._study, self._now(), {}, running=True)
        known = {} if self._facts is None else dict(self._facts.confusions)
        new = [m for m in network.described(found) if m.row.name not in known]
        known |= predictions.confusions_of(self._study, new, keep=False)
        self._facts = found._replace(confusions=known)
        return self._facts

    def _now(self) -> list[Member]:
        """The networks of now; without one whose weights the search has just dropped.
        """
        from sparse_jax.study.records import StudyError

        now = {}
        for row in self._rows(self._study):
            try:
                now[row.name] = self._members.get(row.name) or self._study.network(row)
            except StudyError:
                continue
        self._members = now
        return list(now.values())


def follow(
    study: OpenStudy, follower: Follower, write: Callable[[Facts], object],
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Write a page whenever a search has got on, until nothing runs in the study.

    Args:
      study: open.
      follower: of it.
      write: takes the facts of every page.
      sleep: waits so many seconds.

    Returns:
      Whether the search has ended by itself.
    """
    from sparse_jax.study import glance

    last, due = None, 0.0
    while (seen := glance.look(study.folder)).state == glance.RUNNING:
        if (seen.done, seen.round) != last and time.monotonic() >= due:
            began = time.monotonic()
            write(follower.facts())
            last, took = (seen.done, seen.round), time.monotonic() - began
            due = began + took + max(PAUSE, SHARE * took)
        sleep(_TICK)
    return seen.state == glance.ENDED
