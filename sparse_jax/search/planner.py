"""The plan of a round: made when it is asked for, or while the round before it trains.

With `search.lag` a thread makes the plan of the next round as soon as one is stored,
and its programs compile behind those of the round that trains.
What a plan is made from does not depend on when it is made (`books`), so that a search
which stops and goes on plans the same, at once if nothing trains.
"""

import concurrent.futures
import time
from types import TracebackType
from typing import Any

from sparse_jax.search import strategies
from sparse_jax.search.books import Books
from sparse_jax.search.planning import Plan, plan
from sparse_jax.search.setup import Setup
from sparse_jax.study.records import Study


class Planner:
    """Plans one round after the other; a context that ends its thread.

    While a plan is made the books must stay as they are: `wait` comes before they are
    told anything.
    """

    def __init__(self, setup: Setup, study: Study, books: Books):
        """
        Args:
          setup: the objects of the search.
          study: open for writing; it is used in the caller's thread alone.
          books: of its trials.
        """
        self._setup, self._study, self._books = setup, study, books
        self._pool = concurrent.futures.ThreadPoolExecutor(1, 'suggest')
        self._begun: dict[int, concurrent.futures.Future[Plan | None]] = {}

    def begin(self, round_: int) -> None:
        """Begin the plan of the round after the one that is about to train; does
        nothing without a lag, and where no round can follow."""
        search = self._setup.settings.search
        if not search.lag:
            return
        stored = sum(not record.is_end for record in self._study.rounds())
        if stored >= search.most_rounds:
            return
        self._books.expect(round_ - 1, self._study.of_round(round_ - 1))
        self._begun[round_] = self._pool.submit(self._ahead, *self._asked(round_))

    def wait(self) -> float:
        """Until no plan is being made; the seconds that took. What went wrong with it
        is told by `take`."""
        begin = time.perf_counter()
        concurrent.futures.wait(self._begun.values())
        return time.perf_counter() - begin

    def take(self, round_: int) -> Plan | None:
        """The plan of the next round, none of which trains.

        Returns:
          None where there is nothing to train any more.

        Raises:
          ConfigError, NothingLeftError: see `suggestion.suggestion`.
        """
        begun = self._begun.pop(round_, None)
        self._begun.clear()
        if begun is not None:
            return begun.result()
        return plan(self._setup, self._books, *self._asked(round_))

    def _ahead(self, *asked: Any) -> Plan | None:
        """A plan whose programs are compiling."""
        found = plan(self._setup, self._books, *asked)
        if found is not None:
            self._setup.evaluator.prefetch(found.trials)
        return found

    def _asked(
        self, round_: int
    ) -> tuple[int, int, strategies.Batch | None, float]:
        """What a plan needs to know of the study, and when it was asked for."""
        begin = time.perf_counter()
        given = strategies.first_batch(self._setup, self._study, round_)
        return round_, self._study.next_number(), given, begin

    def __enter__(self) -> 'Planner':
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for a plan that is being made, but not after an interrupt."""
        patient = kind is None or issubclass(kind, Exception)
        self._pool.shutdown(wait=patient, cancel_futures=True)
