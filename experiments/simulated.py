"""Compares what algorithms suggest on an error that is a model of recorded trainings.

    python -m experiments.simulated --algorithms ehvi sparse random -- WORKDIR...

Studies of one table, of the same images and budgets, give their first trainings that
inherited nothing. A Gaussian process over rows and structures (`objectives.structure`),
fitted to all of them together, is the true error of any network, and its noise that of
a training. Every algorithm then suggests round after round with the settings of the
first study: its starts, budgets and groups, the same pools. A round takes seconds. An
algorithm is a name of `search.algorithm`, with settings of the group `search` after it
where they differ. It prints true accuracies, in percent, means over the seeds.

What it leaves out: inheritance, rungs, stages, `search.lag` and strategies, and all
that a smooth model does not know. The model has the features of `search.trend`, which
flatters searches with a trend beside those without one.
"""

import argparse
import ast
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from experiments.paper import command
from experiments.recorded_errors import Truth, read
from sparse_jax import status
from sparse_jax.acquisition.admission import NothingLeftError
from sparse_jax.data.synthetic import synthetic
from sparse_jax.host_random import root_key
from sparse_jax.search import archive, seen, setup
from sparse_jax.search.facts import facts_of
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import to_tree
from sparse_jax.space import encoding
from sparse_jax.sweep.parsing import split
from sparse_jax.types import Archive, Evaluation

BEST = 8
"""Networks whose errors are averaged."""


def varied(settings: Settings, variant: str) -> Settings:
    """Settings with another algorithm.

    variant: its name, then settings of the group `search`, as in 'random,trend=none'.

    Raises:
      ConfigError: one line, a setting or value that does not exist.
    """
    name, *others = split(variant, ',', variant)
    tree = to_tree(settings)
    # The images are not those that a teacher saw.
    tree['data'] |= {'soft_labels': ''}
    for text in others:
        key, equal, value = text.partition('=')
        if not equal:
            raise ConfigError(f'{text!r} of {variant!r}: allowed: KEY=VALUE, a setting '
                              'of the group search')
        tree['search'][key] = _value(value)
    tree['search'] |= {'algorithm': name}
    found = reading.read(tree)
    setup.check(found)
    return found


def _value(text: str) -> object:
    """What a setting of the command line means; text where it is nothing else."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return text


class Rounds(NamedTuple):
    """What became of a simulated search, a number for every round."""

    median: np.ndarray
    """Of the true errors of its points."""
    best: np.ndarray
    """Mean of the least `BEST` true errors so far."""
    groups: np.ndarray
    """Compiled programs so far."""


def simulate(built: setup.Setup, truth: Truth, *, seed: int, rounds: int) -> Rounds:
    """Suggest round after round; what is told of a point is noisy.

    Args:
      built: the search, whose costs are counted and nothing prunes.
      truth: the errors.
      seed: of suggestions and noise.
      rounds: how many.

    Raises:
      NothingLeftError: limits and budgets refuse every point.
    """
    rng, key = np.random.default_rng(seed), root_key(seed)
    told: Archive = seen.nothing(built.domain.dim, built.sought).archive
    errors, found = np.zeros(0), []
    for round_ in range(rounds):
        points, _ = built.algorithm.suggest(jax.random.fold_in(key, round_), told)
        points = encoding.canonical(built.space, points)
        true = truth(points)
        trained = np.minimum(true * np.exp(rng.normal(0.0, truth.noise, len(true))), 1)
        told = archive.append(told, points, _outcome(built, points, trained))
        errors = np.concatenate([errors, true])
        found.append((np.median(true) if len(true) else np.nan,
                      np.sort(errors)[:BEST].mean(),
                      len(set(built.domain.group(told.x)))))
    return Rounds(*np.array(found).T)


def _outcome(
    built: setup.Setup, points: np.ndarray, errors: np.ndarray
) -> Evaluation:
    """What a search is told of points [N, D] with these errors [N]."""
    costs = facts_of(built.space, built.sought, points, prunes=False).high[:, 1:]
    count = len(built.sought.names) - 1
    return Evaluation(
        np.concatenate([errors[:, None], costs[:, :count]], 1),
        np.full(len(points), status.OK), costs[:, count:], np.zeros(len(points)))


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = command.Parser(__doc__)
    parser.add_argument('workdirs', nargs='+', metavar='WORKDIR')
    parser.add_argument('--algorithms', nargs='+', default=['ehvi', 'sparse'])
    parser.add_argument('--seeds', type=int, default=4)
    parser.add_argument('--rounds', type=int, default=6)
    given: argparse.Namespace = parser.parse_args(argv)
    for name in ('seeds', 'rounds'):
        if getattr(given, name) < 1:
            command.fail(f'--{name}={getattr(given, name)}; allowed: 1 or more')
    with command.one_line():
        _print(given)


def _print(given: argparse.Namespace) -> None:
    recorded = read(given.workdirs)
    variants = [varied(recorded.settings, name) for name in given.algorithms]
    truth = Truth(recorded)
    images = synthetic(0, num_train=64, num_validation=64,
                       shape=recorded.space.input_shape,
                       num_classes=recorded.space.num_classes)
    every = [setup.build(settings, images) for settings in variants]
    print(f'{len(recorded.errors)} trainings, noise {100 * truth.noise:.1f} % of an '
          'error\n')
    print(f'| algorithm | median of each round | best {BEST} so far, mean | programs |'
          '\n|---|---|---|---:|')
    for name, built in zip(given.algorithms, every):
        try:
            found = [simulate(built, truth, seed=seed, rounds=given.rounds)
                     for seed in range(given.seeds)]
        except NothingLeftError as error:
            raise ConfigError(str(error)) from error
        median, best, groups = (np.mean(part, 0) for part in zip(*found))
        cells = [', '.join(f'{100 * (1 - value):.1f}' for value in part)
                 for part in (median, best)]
        print(f'| {name} | {cells[0]} | {cells[1]} | {groups[-1]:.0f} |', flush=True)


if __name__ == '__main__':
    main()
