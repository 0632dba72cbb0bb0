"""What a lag hides: rounds of real suggestions beside trainings that take no processor.

python -m benchmarks.overlap [--seconds=1,4] [--rounds=12] [--repeats=2]

The trainings of a round are made up and take so many seconds, in which this process
waits as it would for an accelerator; all else is a search on the digits with the
default algorithm. With `search.lag=1` and without are taken in turns. Medians over the
rounds whose suggestion has a model; between two rounds lies what a device waits for.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks import timing
from benchmarks.growth import outcome_of
from sparse_jax import default_config
from sparse_jax.evaluation.executor import Stats
from sparse_jax.evaluation.grouping import Parents
from sparse_jax.search import clock, loop, setup
from sparse_jax.settings.reading import read
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import Outcome, Trial
from sparse_jax.study.records import Study

FIRST = 4
"""Rounds that are left out: those at random, and the first with a model."""


class MadeUp:
    """An evaluator, and its executor, whose outcomes are functions of their trials. The
    first of a round comes at once, the others when `work` has returned."""

    slots = None

    def __init__(self, space: Space, work: Callable[[], None] = lambda: None):
        """work: what the trainings of a round take."""
        self._space, self._work = space, work
        self.executor = self

    def stats(self) -> Stats:
        """Nothing is compiled."""
        return Stats(0, 0.0)

    def padding(self, trials: Sequence[Trial]) -> dict[str, float]:
        """Nothing is padded."""
        del trials
        return {}

    def prefetch(self, trials: Sequence[Trial]) -> None:
        """Nothing is compiled."""

    def evaluate(
        self, trials: Sequence[Trial], parents: Parents,
        announce: Callable[[str, int], None],
    ) -> Iterator[list[Outcome]]:
        """Outcomes one by one; the parents of trials must have their weights."""
        announce('training', len(trials))
        for i, trial in enumerate(trials):
            if trial.parent is not None and parents(trial.parent) is None:
                raise AssertionError(f'no weights of trial {trial.parent}')
            if i == min(1, len(trials) - 1):
                self._work()
            yield [outcome_of(trial, encoding.graph(self._space, trial.row),
                              np.random.default_rng(trial.number))]


def built(lag: int, rounds: int) -> setup.Setup:
    """The search, whose trainings are still real."""
    config = default_config()
    config.search.lag, config.search.rounds = lag, rounds
    return setup.build(read(config))


def durations(search: setup.Setup, seconds: float) -> tuple[list[float], list[float]]:
    """Of the rounds of one search whose trainings take so many seconds: the time from
    one round to the next, and what suggestions took."""
    made: Any = MadeUp(search.space, lambda: time.sleep(seconds))
    with tempfile.TemporaryDirectory() as folder:
        study = Study(folder)
        loop.run(search._replace(evaluator=made), study)
        rounds = study.rounds()
        study.close()
    suggested = [record.suggest_seconds or 0.0 for record in rounds]
    return clock.durations(rounds)[FIRST:], suggested[FIRST:]


def table(seconds: Sequence[float], rounds: int, repeats: int) -> list[list[str]]:
    """One row for every length of a training."""
    searches = [built(lag, rounds) for lag in (0, 1)]
    for search in searches:
        durations(search, 0.0)  # compiles
    rows = []
    for length in seconds:
        found: list[list[list[float]]] = [[[], []], [[], []]]
        for _ in range(repeats):
            for lag, search in enumerate(searches):
                for part, more in zip(found[lag], durations(search, length)):
                    part += more
        rows.append([f'{length:g}'] + [
            f'{statistics.median(part):.2f}' for parts in found for part in parts])
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', default='1,4')
    parser.add_argument('--rounds', type=int, default=12)
    parser.add_argument('--repeats', type=int, default=2)
    args = parser.parse_args()
    seconds = [float(part) for part in args.seconds.split(',')]
    print(timing.machine())
    print(timing.table(
        ['training s', 'lag 0: round s', 'suggestion s', 'lag 1: round s',
         'suggestion s'], table(seconds, args.rounds, args.repeats)))


if __name__ == '__main__':
    main()
