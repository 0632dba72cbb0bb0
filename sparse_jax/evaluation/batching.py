"""Between the members of a group and the slots of one compiled call; pure."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from sparse_jax import host_random
from sparse_jax.evaluation.grouping import Group, Member
from sparse_jax.evaluation.machine import AXIS, Machine
from sparse_jax.evaluation.recipe import (
    Inherited,
    Recipe,
    Shared,
    Trained,
    evaluate_one,
)
from sparse_jax.model import weights as weight_trees
from sparse_jax.model.skeleton import Candidate, Skeleton, stack
from sparse_jax.training.step import Variables


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


def batched(
    skeleton: Skeleton, recipe: Recipe, machine: Machine
) -> Callable[[Batch, Shared, jax.Array], Trained]:
    """The batched, sharded version of `evaluate_one`, not yet compiled.

    Candidates are split over the mesh; on each device they are vmapped or mapped one
    after another as the lowering says. Inactive slots cost nothing when mapped.
    """
    one = functools.partial(
        evaluate_one, recipe=recipe,
        procedure=recipe.procedure(skeleton, machine.lowering.conv))

    def local(batch: Batch, shared: Shared, epochs: jax.Array) -> Trained:
        keys = host_random.wrap(batch.key_data)
        if machine.lowering.mapping == 'vmap':
            return jax.vmap(one, in_axes=(0, 0, 0, None, None))(
                keys, batch.candidates, batch.inherited, shared, epochs)

        def maybe(member: tuple) -> Trained:
            key, candidate, weights, on = member
            arguments = (key, candidate, weights, shared, epochs)
            shape = jax.eval_shape(one, *arguments)
            empty = lambda *_: jax.tree.map(
                lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
            return jax.lax.cond(on, one, empty, *arguments)

        members = (keys, batch.candidates, batch.inherited, batch.active)
        if machine.slots == machine.mesh.devices.size:
            # One candidate per device: no loop, and the slot is always active.
            key, candidate, weights = jax.tree.map(lambda leaf: leaf[0], members[:3])
            result = one(key, candidate, weights, shared, epochs)
            return jax.tree.map(lambda leaf: leaf[None], result)
        return jax.lax.map(maybe, members)

    split, whole = PartitionSpec(AXIS), PartitionSpec()
    return jax.shard_map(
        local, mesh=machine.mesh, in_specs=(split, whole, whole), out_specs=split,
        check_vma=False)


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
    """The weights of a member's parent in the padded shapes of its skeleton."""
    if member.parent is None:
        zeros = lambda dtype: jax.tree.map(
            lambda leaf: np.zeros(leaf.shape, dtype or leaf.dtype), template)
        return Inherited(zeros(None), zeros(bool))
    graph, kept = member.parent
    pairs = [weight_trees.embed(
        skeleton, member.graph, graph, getattr(kept, name), padded,
        preserve=name == 'params')
        for name, padded in zip(Variables._fields, template)]
    return Inherited(*(Variables(*column) for column in zip(*pairs)))


def parts(group: Group, slots: int) -> list[tuple[Member, ...]]:
    """A group's members in slices of at most `slots`."""
    return [group.members[start: start + slots]
            for start in range(0, len(group.members), slots)]
