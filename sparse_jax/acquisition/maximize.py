"""A batch of points from a criterion: pool, local refinement, groups, no repeats."""

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax.acquisition import scoring
from sparse_jax.acquisition.groups import GroupRules, siblings
from sparse_jax.acquisition.scoring import Criterion, Facts, Pending
from sparse_jax.host_random import generator
from sparse_jax.types import Domain, PRNGKey


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


class NothingLeftError(ValueError):
    """Limits and hard budgets refuse every point; the message is one line."""


class Admission(NamedTuple):
    """What decides, besides the criterion, whether a point may be suggested."""

    domain: Domain
    facts: Callable[[np.ndarray], Facts]
    """(x [N, D]) -> what is known of them."""
    refuse: Callable[[np.ndarray], np.ndarray]
    """(x [N, D]) -> [N] bool: cannot meet a hard budget."""
    feasible: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """(x, active) -> [N] probability of a successful trial."""
    taken: frozenset[bytes]
    """Identities of the points evaluated before."""
    groups: GroupRules
    """How many compiled programs the batch may use."""


class Batch(NamedTuple):
    """A suggested batch under construction, and what was learnt on the way."""

    x: list
    groups: list
    score: list
    refused: dict
    """Identity -> bool, whether the hard budget refuses the point."""
    labels: dict
    """Identity -> group."""
    spare: list
    """Admissible candidates made for earlier picks, [M, D] each."""
    counts: dict
    """Times that the rules had to give way: 'repeats' and 'overflow', see `draw`."""


def identity(x: np.ndarray) -> list[bytes]:
    """One comparable identity per row of x [N, D]."""
    return [row.tobytes() for row in np.round(np.asarray(x, np.float64), 9) + 0.0]


def _remember(memory, names, x, function):
    """Values of a function of rows, each computed once per batch."""
    new = {name: i for i, name in enumerate(names) if name not in memory}
    if new:
        memory.update(zip(new, function(x[list(new.values())])))
    return [memory[name] for name in names]


def admit(
    admission: Admission, batch: Batch, x: np.ndarray, *, again: bool = False
) -> np.ndarray:
    """Rows of x [N, D] that are new, distinct, and not refused -> [M, D]; with
    `again`, members of the batch count as new."""
    chosen = identity(np.array(batch.x)) if batch.x and not again else ()
    barred = admission.taken.union(chosen)
    rows = {name: i for i, name in enumerate(identity(x)) if name not in barred}
    if not rows:
        return x[:0]
    x = x[list(rows.values())]
    refused = _remember(batch.refused, list(rows), x, admission.refuse)
    return x[~np.array(refused, bool)]


def labels(admission: Admission, batch: Batch, x: np.ndarray) -> list[Hashable]:
    """Groups of the rows of x [N, D]."""
    return _remember(batch.labels, identity(x), x, admission.domain.group)


def in_groups(admission: Admission, batch: Batch, x: np.ndarray) -> np.ndarray:
    """Rows of x [N, D] in groups that the batch may still use."""
    allowed = admission.groups.allowed(batch.groups)
    if not len(x) or allowed is None:
        return x
    allowed = set(allowed)
    return x[[label in allowed for label in labels(admission, batch, x)]]


def draw(key: PRNGKey, admission: Admission, batch: Batch, num: int, *, tries: int = 32
         ) -> np.ndarray:
    """At least one, mostly `num` admissible random points, [M, D].

    Where the open groups are used up another one is opened (counted as overflow);
    where the space is used up, points evaluated before come back, those of this batch
    last (counted as repeats). Raises a NothingLeftError when everything is refused.
    """
    leaders = _leaders(admission, batch)
    free = admission._replace(groups=GroupRules())
    fallbacks = [('', admission, False)]
    if leaders is not None:
        fallbacks.append(('overflow', free, False))
    used = free._replace(taken=frozenset())
    fallbacks += [('repeats', used, False)] * bool(admission.taken)
    fallbacks += [('repeats', used, True)] * bool(batch.x)
    for count, rules, again in fallbacks:
        for _ in range(tries):
            key, key_draw = jax.random.split(key)
            if rules is admission and leaders is not None:
                x = siblings(key_draw, rules.domain, leaders, num)
            else:
                x = rules.domain.sample(key_draw, num)
            x = in_groups(rules, batch, admit(rules, batch, x, again=again))
            if len(x):
                if count:
                    batch.counts[count] += 1
                return x
    refused = sum(map(bool, batch.refused.values()))
    raise NothingLeftError(
        'limits and budgets refuse every point: none in '
        f'{len(fallbacks) * tries * num} draws met them, {refused} different ones '
        'were refused')


def _leaders(admission, batch):
    """A point of every group that the next pick may fall into, None for any group."""
    allowed = admission.groups.allowed(batch.groups)
    if not allowed:
        return None
    return [batch.x[batch.groups.index(g)] if g in batch.groups
            else admission.groups.seen[g] for g in allowed]


def append(admission: Admission, batch: Batch, x: np.ndarray, score: float) -> None:
    """Adds one point [D] to the batch."""
    batch.x.append(x)
    batch.score.append(score)
    if admission.groups.matter:
        batch.groups.append(labels(admission, batch, x[None])[0])


def empty_batch() -> Batch:
    """Nothing chosen yet."""
    return Batch([], [], [], {}, {}, [], {'repeats': 0, 'overflow': 0})


def pick_random(key: PRNGKey, admission: Admission, batch: Batch) -> None:
    """Adds one random admissible point."""
    append(admission, batch, draw(key, admission, batch, 16)[0], np.nan)


class Scorer(NamedTuple):
    """One pick's criterion, bound to its arrays and to the admission."""

    criterion: Criterion
    arrays: Any
    admission: Admission
    config: MaximizeConfig

    def inputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Facts]:
        """x, its activity and what is known of it."""
        x = np.asarray(x, np.float64)
        active = np.asarray(self.admission.domain.activity(x), np.float64)
        return x, active, self.admission.facts(x)

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


def pick(key: PRNGKey, batch: Batch, scorer: Scorer, pool: np.ndarray) -> None:
    """Adds the best point found from pool [Q, D], and from what earlier picks found,
    by evolution and ascent."""
    admission, config = scorer.admission, scorer.config
    key, key_draw = jax.random.split(key)
    x = admit(admission, batch, np.concatenate([pool, *batch.spare]))
    x = in_groups(admission, batch, x)
    if len(x) < config.children:
        more = draw(key_draw, admission, batch, config.children)
        batch.spare.append(more)
        # Not admitted again: they may be repeats, where nothing else is left.
        x = np.concatenate([x, more])
    value, level = scorer(x, None)
    tolerance = config.reuse * max(float(np.median(value) - value.min()), 0.0)
    for _ in range(config.rounds):
        key, key_round = jax.random.split(key)
        x, value = _evolve(key_round, batch, scorer, x, value, level)
    x, value = _climb(batch, scorer, x, value, level)
    best = _prefer_seen(admission, batch, x, value, tolerance)
    append(admission, batch, x[best], float(value[best]))


def _evolve(key, batch, scorer, x, value, level):
    """One round: children of the elite join the candidates."""
    key_parent, key_edit = jax.random.split(key)
    order = np.argsort(value, kind='stable')[: scorer.config.elite]
    # Better parents have more children.
    weight = 1.0 / (1.0 + np.arange(len(order)))
    parents = generator(key_parent).choice(
        order, scorer.config.children, p=weight / weight.sum())
    children = scorer.admission.domain.perturb(key_edit, x[parents])
    return _join(batch, scorer, x, value, level, children)


def _climb(batch, scorer, x, value, level):
    """Gradient ascent from the elite, where every dimension is continuous."""
    domain, config = scorer.admission.domain, scorer.config
    if not config.ascent_steps or np.asarray(domain.levels).any():
        return x, value
    order = np.argsort(value, kind='stable')[: config.elite]
    start = np.resize(x[order], (config.elite, x.shape[1]))
    start, active, facts = scorer.inputs(start)
    if not active.all() or np.isfinite([facts.low, facts.high]).any():
        return x, value
    climbed = scoring.ascend(scorer.criterion, scorer.arrays, start, active, facts,
                             steps=config.ascent_steps)
    return _join(batch, scorer, x, value, level, climbed)


def _join(batch, scorer, x, value, level, children):
    children = admit(scorer.admission, batch, children)
    children = in_groups(scorer.admission, batch, children)
    if not len(children):
        return x, value
    batch.spare.append(children)
    more, _ = scorer(children, level)
    return np.concatenate([x, children]), np.concatenate([value, more])


def _prefer_seen(admission, batch, x, value, tolerance):
    """Index of the best point; of nearly equal ones, of one that needs no compiling."""
    order = np.argsort(value, kind='stable')
    known = {*admission.groups.seen, *batch.groups}
    if not known:
        return order[0]
    near = order[value[order] <= value[order[0]] + tolerance][:64]
    for i, label in zip(near, labels(admission, batch, x[near])):
        if label in known:
            return i
    return order[0]


def select(
    key: PRNGKey, criterion: Criterion, admission: Admission, pool: np.ndarray, *,
    scored: np.ndarray, config: MaximizeConfig,
) -> Batch:
    """A batch of len(scored) points: by the criterion where scored [q] is true, at
    random elsewhere. pool [Q, D] holds the first candidates of every pick."""
    batch = empty_batch()
    size, dim = len(scored), admission.domain.dim
    num_objectives = admission.facts(pool[:1]).scale.shape[1]
    for i, by_score in enumerate(scored):
        key, key_prepare, key_pick = jax.random.split(key, 3)
        if not by_score:
            pick_random(key_pick, admission, batch)
            continue
        pending = Pending(
            np.zeros((size, dim)), np.zeros((size, dim)),
            Facts.nothing(size, num_objectives), np.arange(size) < i)
        scorer = Scorer(criterion, None, admission, config)
        if i:
            parts = scorer.inputs(np.array(batch.x))
            for whole, part in zip(*map(jax.tree.leaves, (pending[:3], parts))):
                whole[:i] = part
        arrays = criterion.prepare(key_prepare, i, pending)
        pick(key_pick, batch, scorer._replace(arrays=arrays), pool)
    return batch
