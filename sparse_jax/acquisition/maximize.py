"""A batch of points from a criterion: a pool, and local refinement of its best."""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax.acquisition import scoring
from sparse_jax.acquisition.admission import Admission
from sparse_jax.acquisition.batch import Batch
from sparse_jax.acquisition.known import Known
from sparse_jax.acquisition.scoring import Criterion, Pending, Points
from sparse_jax.host_random import generator
from sparse_jax.types import NO_POINTS, PRNGKey


@dataclasses.dataclass(frozen=True)
class MaximizeConfig:
    """Effort of the search for the best candidate."""

    chunk: int = 256
    """Rows scored at once."""
    children: int = 64
    """Rows made per round of evolution, and random rows per group; as many are solved
    at once."""
    rounds: int = 3
    """Rounds of evolution on the criterion; each perturbs the best candidates."""
    elite: int = 16
    """Candidates that have children, and that are climbed from."""
    ascent_steps: int = 40
    """Gradient steps, on continuous domains only; 0 switches them off."""
    reuse: float = 0.1
    """A point whose group was seen before is preferred if its score is within this
    part of the way from the best score to the pool's median."""


class Scorer(NamedTuple):
    """One pick's criterion, bound to its arrays and to what is known of candidates."""

    criterion: Criterion
    arrays: Any
    known: Known
    config: MaximizeConfig

    def __call__(self, x: np.ndarray, level: float | None) -> tuple[np.ndarray, float]:
        """Scores [N], weighted by feasibility, and the level they shrink towards."""
        points, chance = self.known(x)
        value = scoring.score(
            self.criterion, self.arrays, points, chunk=self.config.chunk)
        value = np.nan_to_num(value, nan=np.inf, posinf=np.finfo(float).max)
        if level is None:
            level = 0.0 if self.criterion.improvement else float(np.median(value))
        gain = np.maximum(level - value, 0.0)
        return np.where(value < level, level - chance * gain, value), level


def candidates(
    key: PRNGKey, batch: Batch, pool: np.ndarray, config: MaximizeConfig
) -> np.ndarray:
    """What a pick starts from [M, D]: the admissible rows of pool [Q, D] and of what
    earlier picks found, and random ones if these are few; none if the space is used
    up."""
    x = batch.admissible(np.concatenate([pool, *batch.spare]))
    if len(x) < config.children:
        more = batch.draw(key, config.children)
        batch.spare.append(more)
        # Not admitted again: they may be of a group opened for want of others.
        x = np.concatenate([x, more])
    return x


def pick(key: PRNGKey, batch: Batch, scorer: Scorer, x: np.ndarray) -> None:
    """Adds the best point found from candidates x [M, D], by evolution and ascent."""
    config = scorer.config
    value, level = scorer(x, None)
    tolerance = config.reuse * max(float(np.median(value) - value.min()), 0.0)
    for _ in range(config.rounds):
        key, key_round = jax.random.split(key)
        x, value = _evolve(key_round, batch, scorer, x, value, level)
    x, value = _climb(batch, scorer, x, value, level)
    best = _prefer_seen(batch, x, value, tolerance)
    batch.append(x[best], float(value[best]))


Scored = tuple[np.ndarray, np.ndarray]
"""Candidates [Q, D] and their values [Q]."""


def _evolve(
    key: PRNGKey, batch: Batch, scorer: Scorer, x: np.ndarray, value: np.ndarray,
    level: float,
) -> Scored:
    """One round: children of the elite join the candidates."""
    key_parent, key_edit = jax.random.split(key)
    order = np.argsort(value, kind='stable')[: scorer.config.elite]
    # Better parents have more children.
    weight = 1.0 / (1.0 + np.arange(len(order)))
    parents = generator(key_parent).choice(
        order, scorer.config.children, p=weight / weight.sum())
    children = batch.admission.domain.perturb(key_edit, x[parents])
    return _join(batch, scorer, x, value, level, children)


def _climb(
    batch: Batch, scorer: Scorer, x: np.ndarray, value: np.ndarray, level: float
) -> Scored:
    """Gradient ascent from the elite, where every dimension is continuous."""
    config = scorer.config
    if not config.ascent_steps or np.asarray(batch.admission.domain.levels).any():
        return x, value
    order = np.argsort(value, kind='stable')[: config.elite]
    start = np.resize(x[order], (config.elite, x.shape[1]))
    points = Points(*batch.admission.inputs(start))
    if not np.all(points.active) or np.isfinite(
            [points.facts.low, points.facts.high]).any():
        return x, value
    climbed = scoring.ascend(
        scorer.criterion, scorer.arrays, points, steps=config.ascent_steps)
    return _join(batch, scorer, x, value, level, climbed)


def _join(
    batch: Batch, scorer: Scorer, x: np.ndarray, value: np.ndarray, level: float,
    children: np.ndarray,
) -> Scored:
    """The candidates with those of their children that are admissible."""
    children = batch.admissible(children)
    if not len(children):
        return x, value
    batch.spare.append(children)
    more, _ = scorer(children, level)
    return np.concatenate([x, children]), np.concatenate([value, more])


def _prefer_seen(
    batch: Batch, x: np.ndarray, value: np.ndarray, tolerance: float
) -> int:
    """Index of the best point; of nearly equal ones, of one that needs no compiling."""
    order = np.argsort(value, kind='stable')
    known = {*batch.admission.groups.seen, *batch.groups}
    if not known:
        return int(order[0])
    near = order[value[order] <= value[order[0]] + tolerance][:64]
    for i, label in zip(near, batch.labels_of(x[near])):
        if label in known:
            return int(i)
    return int(order[0])


def select(
    key: PRNGKey, criterion: Criterion, admission: Admission, pool: np.ndarray, *,
    scored: np.ndarray, config: MaximizeConfig, pending: np.ndarray = NO_POINTS,
    room: int = 0,
) -> Batch:
    """A batch of points, of fewer where the space is used up.

    Args:
      key: consumed.
      criterion: what makes a point good.
      admission: which points may be chosen.
      pool: [Q, D] the first candidates of every pick.
      scored: [q] a pick is by the criterion where it is true, at random elsewhere.
      config: the effort.
      pending: [P, D] points of earlier batches whose outcomes are imagined, like those
        of earlier picks.
      room: for so many of them programs are compiled, at least.
    """
    size = len(scored) + max(room, len(pending))
    batch, known = Batch(admission), Known(criterion, admission, config.children)
    for i, by_score in enumerate(scored):
        key, key_prepare, key_pick = jax.random.split(key, 3)
        if not by_score:
            if not batch.pick_random(key_pick):
                break
            continue
        key_pick, key_draw = jax.random.split(key_pick)
        x = candidates(key_draw, batch, pool, config)
        if not len(x):
            break
        arrays = criterion.prepare(
            key_prepare, i, _pending([*pending, *batch.x], known, x, size))
        pick(key_pick, batch, Scorer(criterion, arrays, known, config), x)
    return batch


def _pending(
    taken: list[np.ndarray], known: Known, x: np.ndarray, size: int
) -> Pending:
    """Points [D] at a fixed size, filled up by candidates x [M, D]."""
    # Together, so that few calls solve for all of them.
    every = np.concatenate([np.array(taken).reshape(-1, x.shape[1]), x])
    points, _ = known.at(np.resize(known.learn(every), size))
    return Pending(points, np.arange(size) < len(taken))
