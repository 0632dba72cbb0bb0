"""What the search algorithms share: rules and random batches."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax.acquisition.admission import Admission, identity
from sparse_jax.acquisition.batch import Batch
from sparse_jax.acquisition.groups import GroupRules
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.types import Archive, Domain, PRNGKey, Problem, SuggestInfo

KnownFacts = Callable[[np.ndarray], Facts]
Refuse = Callable[[np.ndarray], np.ndarray]


class Rules(NamedTuple):
    """What holds for every algorithm on a problem."""

    num_initial: int = 16
    """Random points before a model or a population takes over."""
    max_groups: int | None = None
    """Largest number of `domain.group` labels in one batch; None for any."""
    new_groups: int | None = None
    """Of them, labels that no evaluated point has, once the initial points are made;
    None for any."""
    initial_groups: int | None = None
    """The same for a batch of initial points."""
    facts: KnownFacts | None = None
    """(x [N, D]) -> what is known of the points before they are evaluated."""
    learned: Callable[[Archive, KnownFacts], KnownFacts] | None = None
    """(archive, facts) -> the same with what the archive says of the points."""
    refuse: Refuse | None = None
    """(x [N, D]) -> [N] bool: points that cannot meet a hard budget."""
    pending: int = 0
    """Points that may be pending in an archive, at most: as many have room beside the
    picks of a batch."""


RULES = Rules()


def admission_of(
    domain: Domain, rules: Rules, archive: Archive, problem: Problem
) -> Admission:
    """The constraints on the next batch, as far as the archive decides them."""
    width = problem.num_objectives + problem.num_further
    begun = archive.begun
    starting = len(begun) < rules.num_initial
    groups = GroupRules(
        {}, rules.max_groups, rules.initial_groups if starting else rules.new_groups)
    if groups.matter and len(begun):
        groups = groups._replace(seen=dict(zip(domain.group(begun), begun)))
    facts = rules.facts or (lambda x: Facts.nothing(len(x), width))
    return Admission(
        domain, facts if rules.learned is None else rules.learned(archive, facts),
        rules.refuse or (lambda x: np.zeros(len(x), bool)),
        lambda x, active: np.ones(len(x)),
        frozenset(identity(begun)), groups)


def begins(rules: Rules, archive: Archive) -> bool:
    """Whether the next batch is random: initial points are left, or nothing is known.
    """
    return len(archive.begun) < rules.num_initial or archive.measured.sum() < 2


def random_batch(key: PRNGKey, admission: Admission, batch: int) -> Batch:
    """A batch of independent draws from the prior, within the rules; fewer where the
    space is used up."""
    chosen = Batch(admission)
    for k in jax.random.split(key, batch):
        if not chosen.pick_random(k):
            break
    return chosen


def finish(
    batch: Batch, *, weights: np.ndarray | None = None, nll: np.ndarray | None = None,
    predicted: np.ndarray | None = None,
) -> tuple[np.ndarray, SuggestInfo]:
    """The value that `suggest` returns."""
    extra = {
        'refused': int(sum(map(bool, batch.refused.values()))),
        'considered': len(batch.refused), 'overflow': batch.overflow,
        'groups': list(dict.fromkeys(batch.groups))}
    return batch.points, SuggestInfo(
        weights, np.array(batch.score), nll, extra, predicted)
