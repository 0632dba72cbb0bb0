"""What one compiled call computes: candidates initialised, trained, pruned, measured.

Pure functions of one candidate; `batched` maps them over the slots of a call.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from sparse_jax.evaluation import hosts
from sparse_jax.evaluation.curve import Curve, threshold_curve
from sparse_jax.evaluation.measure import Measurement, measure, verdict
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.ops.lowering import Lowering
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.training.config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.finetune import finetune
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.step import TrainInfo
from sparse_jax.training.train import initialise, train

AXIS = 'candidate'
FINETUNE = 1
"""Random stream beside that of training."""


class Inherited(NamedTuple):
    """Weights that a candidate starts from; `mask` is False where it starts fresh."""

    values: tuple
    """(params, aux, stats) in the skeleton's padded shapes."""
    mask: tuple


class Trained(NamedTuple):
    """Everything one training program returns for one candidate."""

    weights: tuple
    """(params, aux, stats): the posterior."""
    folded: dict
    """Params of the pruned deterministic network."""
    units: dict
    """{tensor: [C] bool} units that remain."""
    info: TrainInfo
    measurement: Measurement
    curve: Curve | None
    """The same training at other cuts; None if none were asked for."""


class Shared(NamedTuple):
    """What all candidates of a search have in common, on the devices."""

    training: TrainData
    validation: TrainData
    order_key: jax.Array


class Recipe(NamedTuple):
    """What, beside the skeleton, decides a program."""

    method: PruningMethod
    config: TrainConfig
    lowering: Lowering
    mesh: Mesh
    slots: int
    """Candidates per call; a multiple of the number of devices."""
    workers: int = 1
    """Calls in flight at once."""
    cuts: tuple[float, ...] = ()
    """Shifts of the log alpha cut at which every training is measured as well."""
    finetune_epochs: int = 0
    """Epochs of deterministic training after pruning, the mask held."""
    networks: bool = False
    """Whether the pruned networks of all cuts are returned, to be measured in int8."""

    def procedure(self, skeleton: Skeleton) -> Procedure:
        """The static half of a training of a skeleton."""
        return Procedure(skeleton, self.method, self.config, self.lowering.conv)


def evaluate_one(
    key: jax.Array, candidate: Candidate, inherited: Inherited, shared: Shared,
    epochs: jax.Array, *, skeleton: Skeleton, recipe: Recipe,
) -> Trained:
    """Initialise, inherit, train, prune and measure one candidate; pure."""
    procedure = recipe.procedure(skeleton)
    init_key, train_key = jax.random.split(key)
    state = initialise(init_key, candidate, procedure=procedure)
    own = (state.params, state.aux, state.stats)
    params, aux, stats = jax.tree.map(
        jnp.where, inherited.mask, inherited.values, own)
    state = state._replace(params=params, aux=aux, stats=stats)
    state, info = train(
        train_key, state, candidate, shared.training, shared.order_key, epochs,
        procedure=procedure)
    measured, folded, units, curve = _pruned(
        train_key, state, candidate, shared, procedure=procedure, recipe=recipe)
    weights = (state.params, state.aux, state.stats)
    return Trained(weights, folded, units, info, measured, curve)


def _pruned(key, state, candidate, shared, *, procedure, recipe):
    """Prune and measure at the candidate's own cut and at those of the recipe."""
    along = functools.partial(
        threshold_curve, state, candidate, shared.validation, procedure=procedure)
    if not recipe.finetune_epochs:
        # The own cut is the first of the curve: compiled once with the others.
        found = along(jnp.stack([candidate.log_alpha_offset, *recipe.cuts]))
        own, curve = (jax.tree.map(lambda leaf, at=at: leaf[at], found)
                      for at in (0, slice(1, None)))
        measured = Measurement(own.error, own.costs, verdict(state, own.empty))
        return measured, own.folded, own.units, _asked(curve, recipe)
    pruned, folded = prune(state, candidate, procedure=procedure)
    folded = finetune(
        jax.random.fold_in(key, FINETUNE), folded, pruned, candidate,
        shared.training, shared.order_key, recipe.finetune_epochs, procedure=procedure)
    measured = measure(state, candidate, shared.validation, pruned, folded,
                       procedure=procedure)
    curve = along(jnp.array(recipe.cuts)) if recipe.cuts else None
    return measured, folded, pruned.units, _asked(curve, recipe)


def _asked(curve, recipe):
    """Of a curve what the recipe wants: all, without networks, or nothing."""
    if not recipe.cuts:
        return None
    return curve if recipe.networks else curve._replace(folded=None, units=None)


def template(skeleton: Skeleton, recipe: Recipe, candidate: Candidate) -> tuple:
    """Abstract (params, aux, stats) of one candidate of a skeleton."""
    state = jax.eval_shape(
        functools.partial(initialise, procedure=recipe.procedure(skeleton)),
        jax.random.key(0), candidate)
    return state.params, state.aux, state.stats


def batched(skeleton: Skeleton, recipe: Recipe) -> Callable:
    """The batched, sharded version of `evaluate_one`, not yet compiled.

    Candidates are split over the mesh; on each device they are vmapped or mapped one
    after another as the lowering says. Inactive slots cost nothing when mapped.
    """
    one = functools.partial(evaluate_one, skeleton=skeleton, recipe=recipe)

    def local(key_data, candidates, inherited, active, shared, epochs):
        keys = jax.random.wrap_key_data(key_data)
        if recipe.lowering.mapping == 'vmap':
            return jax.vmap(one, in_axes=(0, 0, 0, None, None))(
                keys, candidates, inherited, shared, epochs)

        def maybe(member):
            key, candidate, weights, on = member
            arguments = (key, candidate, weights, shared, epochs)
            shape = jax.eval_shape(one, *arguments)
            empty = lambda *_: jax.tree.map(
                lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
            return jax.lax.cond(on, one, empty, *arguments)

        members = (keys, candidates, inherited, active)
        if recipe.slots == recipe.mesh.devices.size:
            # One candidate per device: no loop, and the slot is always active.
            only = jax.tree.map(lambda leaf: leaf[0], members[:3])
            result = one(*only, shared, epochs)
            return jax.tree.map(lambda leaf: leaf[None], result)
        return jax.lax.map(maybe, members)

    split, whole = PartitionSpec(AXIS), PartitionSpec()
    return jax.shard_map(
        local, mesh=recipe.mesh, in_specs=(split, split, split, split, whole, whole),
        out_specs=split, check_vma=False)


def make_mesh(devices: int = 0) -> Mesh:
    """A mesh over the first `devices` devices of all hosts, all of them for 0."""
    chosen = jax.devices()[: devices or None]
    return Mesh(np.array(chosen), (AXIS,))


def share(mesh: Mesh, training: TrainData, validation: TrainData, order_key) -> Shared:
    """Put the data on every device once."""
    data = jax.tree.map(np.asarray, (training, validation))
    return Shared(*hosts.place(mesh, None, data), order_key)
