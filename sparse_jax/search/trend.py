"""What a surrogate expects of an error before it has seen much: a trend in structure.

A Gaussian process over all rows of the table needs hundreds of trainings before it
tells a good network from a bad one. A line over a few features of the whole network
(`objectives.structure`) needs fewer, and begins with slopes that earlier searches had
(trend.json, made by `experiments.trend` from searches of CIFAR-10, Chars4K and MNIST).
The surrogate then models what is left: the error as a multiple of the trend (universal
kriging, with a trend that is learned before).
"""

import functools
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.acquisition.scoring import Facts
from sparse_jax.objectives import structure
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space
from sparse_jax.surrogate.threads import one_blas_thread
from sparse_jax.types import Archive

FILE = pathlib.Path(__file__).with_name('trend.json')
"""{'spread', 'slope': {feature: number}}, and what they were fitted to."""
WEIGHT = 30.0
"""How many trainings the slopes of other searches count as, along a feature of usual
spread; chosen by eye (docs/searching.md)."""
MOST = 2.5
"""Standard deviations from the mean of the logarithmic errors, at most: trainings that
learn nothing say little of the others."""
LEAST_ERROR = 1e-4
"""Where all errors are 0. Else 0 counts as half of the smallest other one."""


class Prior(NamedTuple):
    """What other searches had, [F] each."""

    spread: np.ndarray
    """Standard deviation of every feature among networks of one search."""
    slope: np.ndarray
    """Standard deviations of the logarithmic error per spread of a feature."""


class Trend(NamedTuple):
    """A line through the logarithmic errors of a search."""

    centre: np.ndarray
    """[F] features at which the error is `level`."""
    slope: np.ndarray
    """[F] of the logarithm per unit of a feature."""
    level: float
    """Logarithm of the error."""

    def errors(self, vectors: np.ndarray) -> np.ndarray:
        """[N] expected errors of networks with these features [N, F], at most 1."""
        # Without BLAS: the order of a sum does not depend on its threads.
        log = self.level + _times(vectors - self.centre, self.slope)
        return np.exp(np.minimum(log, 0.0))


@functools.cache
def prior() -> Prior:
    """The slopes of other searches."""
    kept = json.loads(FILE.read_text())
    return Prior(*(np.array([kept[part][name] for name in structure.NAMES])
                   for part in Prior._fields))


def merit(graphs: Sequence[Graph]) -> np.ndarray:
    """[N] how much better than others of its search each network is expected to be,
    before any is trained, in standard deviations of the logarithmic error."""
    known = prior()
    return -_times(structure.vectors(graphs) / known.spread, known.slope)


def fit(vectors: np.ndarray, errors: np.ndarray, known: Prior) -> Trend:
    """Ridge regression of logarithmic errors that shrinks towards known slopes.

    Args:
      vectors: [N, F] features of trained networks, N at least 2.
      errors: [N] theirs.
      known: slopes of other searches, `WEIGHT` trainings strong.
    """
    z, level, spread = standardised(errors)
    centre = vectors.mean(0)
    x = (vectors - centre) / known.spread
    rest = z - _times(x, known.slope)
    square = np.einsum('nf,ng->fg', x, x) + WEIGHT * np.eye(x.shape[1])
    with one_blas_thread():
        own = np.linalg.solve(square, np.einsum('nf,n->f', x, rest))
    return Trend(centre, spread * (known.slope + own) / known.spread, level)


def left_out(vectors: np.ndarray, errors: np.ndarray, known: Prior) -> np.ndarray:
    """[N] the error of each network that `fit` to all others expects.

    Args:
      vectors: [N, F] features of trained networks, N at least 3.
      errors: [N] theirs.
      known: slopes of other searches.
    """
    without = lambda i: fit(np.delete(vectors, i, 0), np.delete(errors, i), known)
    return np.concatenate([without(i).errors(vectors[[i]]) for i in range(len(errors))])


def standardised(errors: np.ndarray) -> tuple[np.ndarray, float, float]:
    """([N] logarithms of errors in standard deviations from their mean, at most `MOST`;
    that mean; that deviation)."""
    y = logarithms(errors)
    level, spread = float(y.mean()), float(max(y.std(), 1e-9))
    return np.clip((y - level) / spread, -MOST, MOST), level, spread


def logarithms(errors: np.ndarray) -> np.ndarray:
    """[N] natural logarithms of errors, of which some may be 0."""
    some = errors[errors > 0]
    least = 0.5 * some.min() if len(some) else LEAST_ERROR
    return np.log(np.maximum(errors, least))


def following(
    archive: Archive, space: Space, facts: Callable[[np.ndarray], Facts]
) -> Callable[[np.ndarray], Facts]:
    """What is known of points, with the error as a multiple of the archive's trend.

    Args:
      archive: the error is its first objective.
      space: of its points, all of which are networks.
      facts: what is known without it.
    """
    seen = archive.measured
    if seen.sum() < 2:
        return facts
    describe = lambda x: structure.vectors(encoding.graphs(space, x))
    # Random batches, and algorithms without a surrogate, never ask.
    trend = functools.cache(lambda: fit(
        describe(archive.x[seen]), archive.y[seen, 0], prior()))

    def known(x: np.ndarray) -> Facts:
        found = facts(x)
        scale = found.scale.copy()
        if len(x):
            scale[:, 0] *= trend().errors(describe(x))
        return found._replace(scale=scale)

    return known


def _times(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """[N, F] and [F] -> [N], without BLAS."""
    return np.einsum('nf,f->n', x, slope)


def stored(known: Prior, **about: Any) -> str:
    """The text of `FILE`."""
    parts = {part: {name: round(float(value), 4) for name, value in zip(
        structure.NAMES, values)} for part, values in known._asdict().items()}
    return json.dumps(about | parts, indent=1) + '\n'
