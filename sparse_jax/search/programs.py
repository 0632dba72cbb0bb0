"""Compiled training programs: one per skeleton, counted and timed."""

import concurrent.futures
import functools
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sparse_jax.model.lowering import Lowering
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.objectives.measure import (
    Curve,
    Measurement,
    measure,
    prune,
    threshold_curve,
)
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.training.config import TrainConfig
from sparse_jax.training.finetune import finetune
from sparse_jax.training.step import TrainInfo
from sparse_jax.training.train import TrainData, initialise, train

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


class Program(NamedTuple):
    """A compiled program and what it cost to get."""

    run: Callable
    """(keys, candidates, inherited, active, shared, epochs) -> Trained, batched."""
    skeleton: Skeleton
    seconds: float
    """Wall-clock of tracing and compiling."""
    template: tuple
    """Abstract (params, aux, stats) of one candidate."""


def evaluate_one(
    key: jax.Array, candidate: Candidate, inherited: Inherited, shared: Shared,
    epochs: jax.Array, *, skeleton: Skeleton, recipe: Recipe,
) -> Trained:
    """Initialise, inherit, train, prune and measure one candidate; pure."""
    fixed = dict(skeleton=skeleton, method=recipe.method)
    init_key, train_key = jax.random.split(key)
    state = initialise(init_key, candidate, config=recipe.config, **fixed)
    own = (state.params, state.aux, state.stats)
    params, aux, stats = jax.tree.map(
        jnp.where, inherited.mask, inherited.values, own)
    state = state._replace(params=params, aux=aux, stats=stats)
    state, info = train(
        train_key, state, candidate, shared.training, shared.order_key, epochs,
        config=recipe.config, how=recipe.lowering.conv, **fixed)
    pruned, folded = prune(state, candidate, **fixed)
    if recipe.finetune_epochs:
        folded = finetune(
            jax.random.fold_in(train_key, FINETUNE), folded, pruned, candidate,
            shared.training, shared.order_key, recipe.finetune_epochs,
            skeleton=skeleton, config=recipe.config, how=recipe.lowering.conv)
    measured = measure(
        state, candidate, shared.validation, pruned, folded, skeleton=skeleton,
        how=recipe.lowering.conv)
    curve = threshold_curve(
        state, candidate, shared.validation, recipe.cuts, how=recipe.lowering.conv,
        **fixed) if recipe.cuts else None
    weights = (state.params, state.aux, state.stats)
    return Trained(weights, folded, pruned.units, info, measured, curve)


def template(skeleton: Skeleton, recipe: Recipe, candidate: Candidate) -> tuple:
    """Abstract (params, aux, stats) of one candidate of a skeleton."""
    state = jax.eval_shape(
        functools.partial(initialise, skeleton=skeleton, method=recipe.method,
                          config=recipe.config), jax.random.key(0), candidate)
    return state.params, state.aux, state.stats


def batched(skeleton: Skeleton, recipe: Recipe) -> Callable:
    """The batched, sharded version of `evaluate_one`, not yet compiled.

    Candidates are split over the mesh; on each device they are vmapped or mapped one
    after another as the lowering says. Inactive slots cost nothing when mapped.
    """
    one = functools.partial(evaluate_one, skeleton=skeleton, recipe=recipe)

    def local(keys, candidates, inherited, active, shared, epochs):
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


class Programs:
    """Compiles each skeleton once, in the background if asked ahead of time."""

    def __init__(self, recipe: Recipe, shared: Shared):
        self.recipe = recipe
        self.shared = shared
        self.uses: dict[Skeleton, int] = {}
        """Candidates served by each program."""
        self._pending: dict[Skeleton, concurrent.futures.Future] = {}
        self._pool = concurrent.futures.ThreadPoolExecutor(1, 'compile')
        self._lock = threading.Lock()

    def prefetch(self, skeleton: Skeleton, candidate: Candidate) -> None:
        """Start compiling a skeleton unless that has been done."""
        with self._lock:
            if skeleton not in self._pending:
                self._pending[skeleton] = self._pool.submit(
                    self._compile, skeleton, candidate)

    def get(self, skeleton: Skeleton, candidate: Candidate) -> Program:
        """The program of a skeleton; waits for its compilation."""
        self.prefetch(skeleton, candidate)
        return self._pending[skeleton].result()

    def is_ready(self, skeleton: Skeleton) -> bool:
        """Whether the program has been compiled."""
        future = self._pending.get(skeleton)
        return future is not None and future.done()

    def count(self, skeleton: Skeleton, candidates: int) -> None:
        """Record that a program served some candidates."""
        self.uses[skeleton] = self.uses.get(skeleton, 0) + candidates

    def seconds(self) -> float:
        """Seconds spent compiling so far."""
        return sum(f.result().seconds for f in self._pending.values() if f.done())

    def _compile(self, skeleton, candidate):
        recipe, start = self.recipe, time.perf_counter()
        weights = template(skeleton, recipe, candidate)
        slots = recipe.slots
        wide = lambda leaf, dtype: jax.ShapeDtypeStruct(
            (slots, *leaf.shape), dtype or leaf.dtype,
            sharding=NamedSharding(recipe.mesh, PartitionSpec(AXIS)))
        values = jax.tree.map(lambda leaf: wide(leaf, None), weights)
        mask = jax.tree.map(lambda leaf: wide(leaf, jnp.bool_), weights)
        keys = jax.random.split(jax.random.key(0), slots)
        arguments = (
            jax.device_put(keys, NamedSharding(recipe.mesh, PartitionSpec(AXIS))),
            jax.tree.map(lambda leaf: wide(np.asarray(leaf), None), candidate),
            Inherited(values, mask),
            wide(np.zeros(()), jnp.bool_), self.shared, jnp.int32(0))
        run = jax.jit(batched(skeleton, recipe)).lower(*arguments).compile()
        return Program(run, skeleton, time.perf_counter() - start, weights)


def make_mesh(devices: int = 0) -> Mesh:
    """A mesh over the first `devices` local devices, all of them for 0."""
    chosen = jax.local_devices()[: devices or None]
    return Mesh(np.array(chosen), (AXIS,))


def share(mesh: Mesh, training: TrainData, validation: TrainData, order_key) -> Shared:
    """Put the data on every device once."""
    return jax.device_put(
        Shared(training, validation, order_key), NamedSharding(mesh, PartitionSpec()))
