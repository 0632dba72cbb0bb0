"""Compares what algorithms suggest on an error that is a model of recorded trainings.

    python -m experiments.simulated --algorithms ehvi sparse random -- WORKDIR...

Studies of one table, of the same images and budgets, give their first trainings that
inherited nothing. A Gaussian process over rows and structures (`objectives.structure`),
fitted to all of them together, is the true error of any network, and its noise that of
a training. Every algorithm then suggests round after round with the settings of the
first study: its starts, budgets and groups, the same pools. A round takes seconds. An
algorithm is a name of `search.algorithm`, with settings of the group `search` after it
where they differ. What it leaves out: inheritance, rungs, and whatever a smooth model
does not know. It prints true accuracies, in percent, means over the seeds.
"""

import argparse
import ast
import contextlib
import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from experiments.paper import command
from sparse_jax import status
from sparse_jax.data.synthetic import synthetic
from sparse_jax.objectives import structure
from sparse_jax.search import archive, seen, setup, trend
from sparse_jax.search.algorithms import layout_of
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.facts import facts_of
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import to_tree
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.errors import StudyError
from sparse_jax.study.opened import open_study
from sparse_jax.surrogate import capacity
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.surrogate.gp import GPConfig, gp
from sparse_jax.types import Archive, Domain, Evaluation

SPREAD = 0.29
"""Of a coordinate that is uniform from 0 to 1; features are scaled to it."""
CHUNK = 64
BEST = 8


class Recorded(NamedTuple):
    """First trainings of studies of one table."""

    settings: Settings
    """Of the first study."""
    space: Space
    rows: np.ndarray
    """[N, D] canonical."""
    errors: np.ndarray
    """[N]"""


def read(workdirs: Sequence[str]) -> Recorded:
    """The first trainings of studies, of networks that inherit nothing.

    Raises:
      StudyError: there is no study, one prunes, or one has another table or budgets.
    """
    found, rows, errors = [], [], []
    for workdir in workdirs:
        with contextlib.closing(open_study(workdir, needs_images=False)) as study:
            if study.settings.pruning.method != 'none':
                raise StudyError(f'workdir {workdir!r}: pruning.method is '
                                 f'{study.settings.pruning.method!r}; allowed: none')
            found.append((study.settings, study.space))
            kept = [row for row in study.records.rows() if row.trial.rung == 0
                    and row.trial.parent is None and row.error is not None]
            rows += [row.trial.row for row in kept]
            errors += [row.error for row in kept]
    settings, space = found[0]
    for workdir, (other, table) in zip(workdirs, found):
        if (table, other.budgets) != (space, settings.budgets):
            raise StudyError(f'workdir {workdir!r}: another table, or other budgets, '
                             f'than {workdirs[0]!r}; allowed: the same')
    return Recorded(settings, space, np.array(rows), np.array(errors, float))


class Truth:
    """The error of any network of a table, after the first rung."""

    def __init__(self, recorded: Recorded):
        """Fits the model.

        recorded: trainings, 16 or more.
        """
        self._space = recorded.space
        self._domain = sparse_domain(
            recorded.space, reading.tier_policy(recorded.settings))
        vectors = self._vectors(recorded.rows)
        self._centre = vectors.mean(0)
        self._line = trend.fit(vectors, recorded.errors, trend.prior())
        self._model = gp(GPConfig(_extended(layout_of(self._domain)), (True,)))
        size = capacity.tier(len(recorded.errors))
        ratios = recorded.errors / self._line.errors(vectors)
        x, active = self._inputs(recorded.rows)
        self._state = self._model.fit(
            jax.random.key(0), capacity.pad(x, size), capacity.pad(active, size),
            capacity.pad(ratios[:, None], size, np.nan), np.arange(size) < len(x))

    @property
    def noise(self) -> float:
        """Standard deviation of the logarithm of a trained error about the true one."""
        variance = np.asarray(self._model.noise(self._state))[0]
        return float(np.sqrt(variance) * np.asarray(self._state.warp.scale)[0])

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """[N] errors of canonical rows [N, D]."""
        found = np.zeros(len(rows))
        for start in range(0, len(rows), CHUNK):
            # As many rows every time: one program.
            some = np.arange(start, start + CHUNK) % len(rows)
            x, active = self._inputs(rows[some])
            mean = self._model.predict(self._state, x, active).mean
            found[some] = np.asarray(self._model.unwarp(self._state, mean))[0]
        return np.minimum(found * self._line.errors(self._vectors(rows)), 1.0)

    def _vectors(self, rows: np.ndarray) -> np.ndarray:
        return structure.vectors(encoding.graphs(self._space, rows))

    def _inputs(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows [N, D] and the F features of their networks as one point, and what of
        it matters, [N, D + F] each."""
        scaled = (self._vectors(rows) - self._centre) / trend.prior().spread
        active = np.asarray(self._domain.activity(rows), float)
        return (np.concatenate([rows, 0.5 + SPREAD * scaled], 1),
                np.concatenate([active, np.ones_like(scaled)], 1))


def _extended(layout: Layout) -> Layout:
    """With one ordered dimension more for every feature."""
    more = len(structure.NAMES)
    return Layout(layout.levels + (0,) * more, layout.categorical + (False,) * more,
                  layout.conditional + (False,) * more)


def varied(settings: Settings, variant: str) -> Settings:
    """Settings with another algorithm.

    variant: its name, then settings of the group `search`, as in 'random,trend=none'.

    Raises:
      ConfigError: one line, a setting or value that does not exist.
    """
    name, *others = variant.split(',')
    tree = to_tree(settings)
    tree['search'] |= {'algorithm': name}
    for text in others:
        key, _, value = text.partition('=')
        tree['search'][key] = _value(value)
    found = reading.read(tree)
    setup.check(found)
    return found


def _value(text: str) -> object:
    """What a setting of the command line means; text where it is nothing else."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


class Rounds(NamedTuple):
    """What became of a simulated search, a number for every round."""

    median: np.ndarray
    """Of the true errors of its points."""
    best: np.ndarray
    """Mean of the least `BEST` true errors so far."""
    groups: np.ndarray
    """Compiled programs so far."""


def simulate(
    built: setup.Setup, truth: Truth, domain: Domain, *, seed: int, rounds: int
) -> Rounds:
    """Suggest round after round; what is told of a point is noisy.

    Args:
      built: the search.
      truth: the errors.
      domain: the whole table.
      seed: of suggestions and noise.
      rounds: how many.
    """
    rng, key = np.random.default_rng(seed), jax.random.key(seed)
    told: Archive = seen.nothing(built.domain.dim, built.sought).archive
    errors, found = np.zeros(0), []
    for round_ in range(rounds):
        points, _ = built.algorithm.suggest(jax.random.fold_in(key, round_), told)
        points = encoding.canonical(built.space, points)
        true = truth(points)
        costs = facts_of(built.space, built.sought, points, prunes=False).high[:, 1:]
        count = len(built.sought.names) - 1
        values = np.concatenate([
            (true * np.exp(rng.normal(0.0, truth.noise, len(true))))[:, None],
            costs[:, :count]], 1)
        told = archive.append(told, points, Evaluation(
            values, np.full(len(points), status.OK), costs[:, count:],
            np.zeros(len(points))))
        errors = np.concatenate([errors, true])
        found.append((np.median(true), np.sort(errors)[:BEST].mean(),
                      len(set(domain.group(told.x)))))
    return Rounds(*np.array(found).T)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = command.Parser(__doc__)
    parser.add_argument('workdirs', nargs='+', metavar='WORKDIR')
    parser.add_argument('--algorithms', nargs='+', default=['ehvi', 'sparse'])
    parser.add_argument('--seeds', type=int, default=4)
    parser.add_argument('--rounds', type=int, default=6)
    given: argparse.Namespace = parser.parse_args(argv)
    with command.one_line():
        recorded = read(given.workdirs)
        variants = [varied(recorded.settings, name) for name in given.algorithms]
        truth = Truth(recorded)
    images = synthetic(0, num_train=64, num_validation=64,
                       shape=recorded.space.input_shape,
                       num_classes=recorded.space.num_classes)
    print(f'{len(recorded.errors)} trainings, noise {100 * truth.noise:.1f} % of an '
          'error\n')
    print('| algorithm | median of each round | least errors so far '
          f'(mean of {BEST}) | programs |\n|---|---|---|---:|')
    for name, settings in zip(given.algorithms, variants):
        with command.one_line():
            built = setup.build(settings, images)
        run = functools.partial(
            simulate, built, truth, sparse_domain(built.space, built.evaluator.policy))
        every = [run(seed=seed, rounds=given.rounds) for seed in range(given.seeds)]
        median, best, groups = (np.mean(part, 0) for part in zip(*every))
        cells = [', '.join(f'{100 * (1 - value):.1f}' for value in part)
                 for part in (median, best)]
        print(f'| {name} | {cells[0]} | {cells[1]} | {groups[-1]:.0f} |', flush=True)


if __name__ == '__main__':
    main()
