"""Trials -> groups that share a program; pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.model.skeleton import Candidate, Skeleton, TierPolicy, split
from sparse_jax.objectives import graph_costs
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import Outcome, Parent, Trial

Parents = Callable[[int], Parent | None]
"""Trial number -> parent, None if its weights are not kept."""
Refuses = Callable[[Graph], bool]
"""Which feasible exact graphs are not worth training."""


class Member(NamedTuple):
    """One training of a group: host data that it depends on alone."""

    trial: Trial
    graph: Graph
    """The exact network."""
    candidate: Candidate
    key_data: np.ndarray
    """[2] uint32, its random key."""
    parent: Parent | None
    """Whose weights it starts from."""


class Group(NamedTuple):
    """Trainings of one skeleton and one length."""

    skeleton: Skeleton
    epochs: int
    members: tuple[Member, ...]


class Grouped(NamedTuple):
    """Trials, told apart."""

    refused: list[Outcome]
    """Of trials that are not trained."""
    groups: list[Group]
    """In the order in which their skeletons come first."""


def screen(graph: Graph, refuses: Refuses) -> int:
    """Code of `sparse_jax.status` of an exact graph before it is trained."""
    if not graph.feasible():
        return status.INFEASIBLE
    return status.OVER_BUDGET if refuses(graph) else status.OK


def group_trials(
    trials: list[Trial], space: Space, policy: TierPolicy, *, root_key: jax.Array,
    refuses: Refuses, parents: Parents = lambda number: None,
) -> Grouped:
    """Refuse what is not worth training, group the rest by program and length.

    root_key: with the number of a trial, all of its randomness.
    """
    refused: list[Outcome] = []
    groups: dict[tuple[Skeleton, int], list[Member]] = {}
    for trial in trials:
        graph = encoding.graph(space, trial.row)
        code = screen(graph, refuses)
        if code != status.OK:
            refused.append(Outcome(trial, code))
            continue
        skeleton, candidate = split(graph, encoding.decode(space, trial.row), policy)
        candidate = continuing(candidate) if trial.continues else candidate
        key = jax.random.key_data(jax.random.fold_in(root_key, trial.number))
        parent = None if trial.parent is None else parents(trial.parent)
        groups.setdefault((skeleton, trial.epochs), []).append(
            Member(trial, graph, candidate, np.asarray(key), parent))
    return Grouped(refused, [
        Group(skeleton, epochs, tuple(members))
        for (skeleton, epochs), members in groups.items()])


def continuing(candidate: Candidate) -> Candidate:
    """The candidate of a training that goes on: with the penalty and the noise that an
    earlier one ended with, from the first step."""
    # As `schedules` reads them: full from the start, as after pretraining.
    zero = np.zeros_like(candidate.zero_regularization_epochs)
    return candidate._replace(
        zero_regularization_epochs=zero, annealing_epochs=zero,
        pretraining=np.ones_like(candidate.pretraining))


def longest_first(groups: Sequence[Group]) -> list[Group]:
    """Groups by the multiply-accumulates of all their epochs, for one image."""
    return sorted(groups, reverse=True, key=lambda group: (
        graph_costs.graph_totals(group.skeleton.graph).macs
        * group.epochs * len(group.members)))


def part(group: Group, members: slice) -> Group:
    """Some members of a group, as a group."""
    return group._replace(members=group.members[members])


def padding(
    groups: list[Group], slots: Callable[[Skeleton], int]
) -> dict[str, float]:
    """What compiled programs cost beside the networks themselves.

    slots: candidates per call of a skeleton's program.

    Returns:
      'padding_waste': multiply-accumulates of the padded networks over those of the
      true ones; 'bucket_fill': share of the programs' slots that is used; 'groups':
      how many there are.
    """
    macs = lambda graph: graph_costs.graph_totals(graph).macs
    padded = sum(len(g.members) * macs(g.skeleton.graph) for g in groups)
    true = sum(macs(member.graph) for g in groups for member in g.members)
    taken = sum(-(-len(g.members) // slots(g.skeleton)) * slots(g.skeleton)
                for g in groups)
    used = sum(len(g.members) for g in groups)
    return {'padding_waste': padded / max(true, 1), 'bucket_fill': used / max(taken, 1),
            'groups': len(groups)}
