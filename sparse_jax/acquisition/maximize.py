"""A batch of points from a criterion: a pool, and local refinement of its best."""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax.acquisition import scoring
from sparse_jax.acquisition.admission import Admission
from sparse_jax.acquisition.batch import Batch
from sparse_jax.acquisition.scoring import Criterion, Facts, Pending
from sparse_jax.host_random import generator
from sparse_jax.types import PRNGKey


@dataclasses.dataclass(frozen=True)
class MaximizeConfig:
    """Effort of the search for the best candidate."""

    chunk: int = 256
    """Rows scored at once."""
    children: int = 64
    """Rows made per round of evolution, and random rows per group."""
    rounds: int = 3
    """Rounds of evolution on the criterion; each perturbs the best candidates."""
    elite: int = 16
    """Candidates that have children, and that are climbed from."""
    ascent_steps: int = 40
    """Gradient steps, on continuous domains only; 0 switches them off."""
    reuse: float = 0.1
    """A point whose group was seen before is preferred if its score is within this
    part of the way from the best score to the pool's median."""


def inputs_of(
    admission: Admission, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Facts]:
    """x [N, D], its activity [N, D] and what is known of it, for a criterion."""
    x = np.asarray(x, np.float64)
    active = np.asarray(admission.domain.activity(x), np.float64)
    return x, active, admission.facts(x)


class Scorer(NamedTuple):
    """One pick's criterion, bound to its arrays and to the admission."""

    criterion: Criterion
    arrays: Any
    admission: Admission
    config: MaximizeConfig

    def inputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Facts]:
        """x, its activity and what is known of it."""
        return inputs_of(self.admission, x)

    def __call__(self, x: np.ndarray, level: float | None) -> tuple[np.ndarray, float]:
        """Scores [N], weighted by feasibility, and the level they shrink towards."""
        x, active, facts = self.inputs(x)
        value = scoring.score(self.criterion, self.arrays, x, active, facts,
                              chunk=self.config.chunk)
        value = np.nan_to_num(value, nan=np.inf, posinf=np.finfo(float).max)
        if level is None:
            level = 0.0 if self.criterion.improvement else float(np.median(value))
        chance = np.asarray(self.admission.feasible(x, active))
        gain = np.maximum(level - value, 0.0)
        return np.where(value < level, level - chance * gain, value), level


def pick(key: PRNGKey, batch: Batch, scorer: Scorer, pool: np.ndarray) -> bool:
    """Adds the best point found from pool [Q, D], and from what earlier picks found,
    by evolution and ascent; False if the space is used up."""
    config = scorer.config
    key, key_draw = jax.random.split(key)
    x = batch.admissible(np.concatenate([pool, *batch.spare]))
    if len(x) < config.children:
        more = batch.draw(key_draw, config.children)
        batch.spare.append(more)
        # Not admitted again: they may be of a group opened for want of others.
        x = np.concatenate([x, more])
    if not len(x):
        return False
    value, level = scorer(x, None)
    tolerance = config.reuse * max(float(np.median(value) - value.min()), 0.0)
    for _ in range(config.rounds):
        key, key_round = jax.random.split(key)
        x, value = _evolve(key_round, batch, scorer, x, value, level)
    x, value = _climb(batch, scorer, x, value, level)
    best = _prefer_seen(batch, x, value, tolerance)
    batch.append(x[best], float(value[best]))
    return True


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
    start, active, facts = scorer.inputs(start)
    if not active.all() or np.isfinite([facts.low, facts.high]).any():
        return x, value
    climbed = scoring.ascend(scorer.criterion, scorer.arrays, start, active, facts,
                             steps=config.ascent_steps)
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
    scored: np.ndarray, config: MaximizeConfig,
) -> Batch:
    """A batch of len(scored) points: by the criterion where scored [q] is true, at
    random elsewhere; of fewer where the space is used up. pool [Q, D] holds the first
    candidates of every pick."""
    batch = Batch(admission)
    width = admission.facts(pool[:1]).scale.shape[1]
    for i, by_score in enumerate(scored):
        key, key_prepare, key_pick = jax.random.split(key, 3)
        if not by_score:
            found = batch.pick_random(key_pick)
        else:
            pending = _pending(batch, Facts.nothing(len(scored), width))
            arrays = criterion.prepare(key_prepare, i, pending)
            found = pick(key_pick, batch, Scorer(criterion, arrays, admission, config),
                         pool)
        if not found:
            break
    return batch


def _pending(batch: Batch, facts: Facts) -> Pending:
    """The points of the batch, at the fixed size of `facts`, which are filled in."""
    size, taken = len(facts.scale), len(batch.x)
    x = np.zeros((size, batch.admission.domain.dim))
    pending = Pending(x, np.zeros_like(x), facts, np.arange(size) < taken)
    if taken:
        x[:taken], pending.active[:taken], known = inputs_of(
            batch.admission, batch.points)
        for whole, part in zip(facts, known):
            whole[:taken] = part
    return pending
