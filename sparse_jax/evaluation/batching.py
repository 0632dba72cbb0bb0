"""Between the members of a group and the slots of one compiled call; pure."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import PartitionSpec

from sparse_jax import host_random
from sparse_jax.evaluation.curve import Curve
from sparse_jax.evaluation.grouping import Group, Member
from sparse_jax.evaluation.machine import AXIS, Machine
from sparse_jax.evaluation.measure import Measurement
from sparse_jax.evaluation.recipe import (
    Inherited,
    Recipe,
    Shared,
    Started,
    Trained,
    finish,
    learn,
    start,
)
from sparse_jax.lowered import lower as lowered
from sparse_jax.model import weights as weight_trees
from sparse_jax.model.connectivity import Live
from sparse_jax.model.skeleton import Candidate, Skeleton, stack
from sparse_jax.objectives.memory import Costs
from sparse_jax.study.outcome import PRESSURE
from sparse_jax.training.data import TrainData
from sparse_jax.training.optimizers import MuonState
from sparse_jax.training.step import TrainInfo, TrainState, Variables


class Batch(NamedTuple):
    """What a call of a program takes of its candidates; arrays [slots, ...] each.

    They may be on the host, on devices, or abstract.
    """

    key_data: Any
    """[slots, 2] uint32."""
    candidates: Candidate
    inherited: Inherited
    active: Any
    """[slots] bool: the slot is nobody's repetition."""


def abstract(candidate: Candidate, weights: Variables, slots: int) -> Batch:
    """The shapes of a batch.

    candidate: of any point of the skeleton.
    weights: abstract variables of one candidate.
    """
    def wide(leaf: Any, dtype: Any = None) -> jax.ShapeDtypeStruct:
        leaf = np.asarray(leaf) if np.isscalar(leaf) else leaf
        return jax.ShapeDtypeStruct((slots, *leaf.shape), dtype or leaf.dtype)

    return Batch(
        wide(np.zeros(2, np.uint32)), jax.tree.map(wide, candidate),
        Inherited(jax.tree.map(wide, weights),
                  jax.tree.map(lambda leaf: wide(leaf, jnp.bool_), weights),
                  wide(np.zeros((), np.float32))),
        wide(np.zeros((), bool)))


lowered.register(
    Batch, Candidate, Inherited, Variables, Shared, TrainData, Started, TrainState,
    TrainInfo, Trained, Measurement, Costs, Curve, Live, optax.EmptyState,
    optax.ScaleByAdamState, MuonState)


class Phases(NamedTuple):
    """A batched, sharded `evaluate_one` in its three parts, each a program.

    Candidates are split over the mesh; on each device they are vmapped or mapped one
    after another as the lowering says. Inactive slots cost nothing when mapped.
    """

    start: Callable[[Batch], Started]
    learn: Callable[[Batch, Started, Shared, jax.Array], tuple[TrainState, TrainInfo]]
    finish: Callable[[Batch, Started, tuple[TrainState, TrainInfo], Shared], Trained]

    def __call__(self, batch: Batch, shared: Shared, epochs: Any) -> Trained:
        """All three, one after another."""
        started = self.start(batch)
        return self.finish(
            batch, started, self.learn(batch, started, shared, epochs), shared)


def phases(skeleton: Skeleton, recipe: Recipe, machine: Machine) -> Phases:
    """The programs of a skeleton, not yet compiled."""
    procedure = recipe.procedure(skeleton, machine.lowering.conv)

    def begin(batch: Batch) -> Started:
        return start(host_random.wrap(batch.key_data), batch.candidates,
                     batch.inherited, procedure=procedure)

    def steps(
        member: tuple[Batch, Started], common: tuple[Shared, jax.Array]
    ) -> tuple[TrainState, TrainInfo]:
        (batch, started), (shared, epochs) = member, common
        return learn(started, batch.candidates, shared, epochs, procedure=procedure)

    def judge(member: tuple, shared: Shared) -> Trained:
        batch, started, (state, info) = member
        return finish(started, state, info, batch.candidates, shared,
                      procedure=procedure, recipe=recipe)

    each = functools.partial(for_each, machine)
    return Phases(
        lambda batch: each(
            lambda member, common: begin(member), batch, batch.active, ()),
        lambda batch, started, shared, epochs: each(
            steps, (batch, started), batch.active, (shared, epochs)),
        lambda batch, started, trained, shared: each(
            judge, (batch, started, trained), batch.active, shared))


def for_each(
    machine: Machine, one: Callable[[Any, Any], Any], members: Any, active: Any,
    common: Any,
) -> Any:
    """`one` of every slot.

    one: (a member, what all have in common) -> result.
    members: tree of arrays [slots, ...].
    active: [slots] bool.
    """
    def local(members: Any, active: jax.Array, common: Any) -> Any:
        if machine.lowering.mapping == 'vmap':
            return jax.vmap(one, in_axes=(0, None))(members, common)

        def maybe(slot: tuple) -> Any:
            member, on = slot
            shape = jax.eval_shape(one, member, common)
            empty = lambda *_: jax.tree.map(
                lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
            return jax.lax.cond(on, one, empty, member, common)

        if machine.slots == machine.mesh.devices.size:
            # One candidate per device: no loop, and the slot is always active.
            member = jax.tree.map(lambda leaf: leaf[0], members)
            return jax.tree.map(lambda leaf: leaf[None], one(member, common))
        return jax.lax.map(maybe, (members, active))

    split, whole = PartitionSpec(AXIS), PartitionSpec()
    return jax.shard_map(
        local, mesh=machine.mesh, in_specs=(split, split, whole), out_specs=split,
        check_vma=False)(members, active, common)


def slot_order(members: int, slots: int, devices: int) -> list[int]:
    """Member of every slot: dealt round-robin over the devices, last one repeated.

    A repeated member is inactive (mapped) or redundant (vmapped).
    """
    dealt = [device + devices * position for device in range(devices)
             for position in range(slots // devices)]
    return [min(i, members - 1) for i in dealt]


def fill(
    skeleton: Skeleton, members: Sequence[Member], template: Variables,
    order: Sequence[int],
) -> Batch:
    """The arguments of a call.

    members: at most as many as slots.
    template: abstract variables of one candidate.
    order: the member of every slot, see `slot_order`.
    """
    inherited = [inherit(skeleton, member, template) for member in members]
    return Batch(
        np.stack([members[i].key_data for i in order]),
        stack([members[i].candidate for i in order]),
        jax.tree.map(lambda *a: np.stack(a), *(inherited[i] for i in order)),
        np.arange(len(order)) == [order.index(i) for i in order])


def take(result: Trained, order: Sequence[int], member: int) -> Trained:
    """The host results of one member of a call."""
    slot = order.index(member)
    return jax.tree.map(lambda leaf: leaf[slot], result)


def inherit(skeleton: Skeleton, member: Member, template: Variables) -> Inherited:
    """The weights of a member's parent in the padded shapes of its skeleton; of a
    parent of the same point also the multiplier of its penalty."""
    if member.parent is None:
        zeros = lambda dtype: jax.tree.map(
            lambda leaf: np.zeros(leaf.shape, dtype or leaf.dtype), template)
        return Inherited(zeros(None), zeros(bool), np.float32(0.0))
    graph, kept = member.parent
    pairs = [weight_trees.embed(
        skeleton, member.graph, graph, getattr(kept, name), padded,
        preserve=name == 'params')
        for name, padded in zip(Variables._fields, template)]
    values, mask = (Variables(*column) for column in zip(*pairs))
    pressure = kept.training.get(PRESSURE, 0.0) if member.trial.same_point else 0.0
    return Inherited(values, mask, np.float32(pressure))


def parts(group: Group, slots: int) -> list[tuple[Member, ...]]:
    """A group's members in slices of at most `slots`."""
    return [group.members[start: start + slots]
            for start in range(0, len(group.members), slots)]
