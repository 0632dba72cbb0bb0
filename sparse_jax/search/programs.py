"""Compiled training programs: one per skeleton, counted and timed."""

import concurrent.futures
import functools
import os
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
    verdict,
)
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.search import device_memory, hosts
from sparse_jax.training.config import TrainConfig
from sparse_jax.training.finetune import finetune
from sparse_jax.training.step import TrainInfo
from sparse_jax.training.train import TrainData, initialise, train

AXIS = 'candidate'
FINETUNE = 1
"""Random stream beside that of training."""
MOST_KEPT = 24
"""Programs in memory at once. On a CPU each maps a thousand and more pieces of code,
and an operating system allows a process some 65 000; what is dropped comes back from
the persistent cache."""
MOST_COMPILING = 4
"""Programs compiled at once; each takes up to a few gigabytes of memory."""


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


class Program(NamedTuple):
    """A compiled program and what it cost to get."""

    run: Callable
    """(key data, candidates, inherited, active, shared, epochs) -> Trained, batched."""
    skeleton: Skeleton
    seconds: float
    """Wall-clock of tracing and compiling."""
    template: tuple
    """Abstract (params, aux, stats) of one candidate."""
    slots: int
    """Candidates per call."""


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
    measured, folded, units, curve = _pruned(
        train_key, state, candidate, shared, skeleton=skeleton, recipe=recipe)
    weights = (state.params, state.aux, state.stats)
    return Trained(weights, folded, units, info, measured, curve)


def _pruned(key, state, candidate, shared, *, skeleton, recipe):
    """Prune and measure at the candidate's own cut and at those of the recipe."""
    how = recipe.lowering.conv
    fixed = dict(skeleton=skeleton, method=recipe.method)
    along = functools.partial(
        threshold_curve, state, candidate, shared.validation, how=how, **fixed)
    if not recipe.finetune_epochs:
        # The own cut is the first of the curve: compiled once with the others.
        found = along(jnp.stack([candidate.log_alpha_offset, *recipe.cuts]))
        own, curve = (jax.tree.map(lambda leaf, at=at: leaf[at], found)
                      for at in (0, slice(1, None)))
        measured = Measurement(own.error, own.costs, verdict(state, own.empty))
        return measured, own.folded, own.units, _asked(curve, recipe)
    pruned, folded = prune(state, candidate, **fixed)
    folded = finetune(
        jax.random.fold_in(key, FINETUNE), folded, pruned, candidate,
        shared.training, shared.order_key, recipe.finetune_epochs,
        skeleton=skeleton, config=recipe.config, how=how)
    measured = measure(state, candidate, shared.validation, pruned, folded,
                       skeleton=skeleton, how=how)
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
        functools.partial(initialise, skeleton=skeleton, method=recipe.method,
                          config=recipe.config), jax.random.key(0), candidate)
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


class Programs:
    """Compiles each skeleton once, in the background if asked ahead of time.

    A program has as many slots as the recipe says, fewer where the memory of a device
    would not hold them: first by prediction, then by what the compiler reports, at
    last by what fails.
    """

    def __init__(self, recipe: Recipe, shared: Shared, memory: int | None = None):
        """memory: bytes that one device offers, None for no limit."""
        self.recipe = recipe
        self.shared = shared
        self.memory = memory
        self.uses: dict[Skeleton, int] = {}
        """Candidates served by each program."""
        self._slots: dict[Skeleton, int] = {}
        self._served: list[Skeleton] = []
        self._seconds = 0.0
        self._pending: dict[Skeleton, concurrent.futures.Future] = {}
        # Compiling one program hardly uses a second core.
        self._pool = concurrent.futures.ThreadPoolExecutor(
            min(MOST_COMPILING, os.cpu_count() or 1), 'compile')
        self._lock = threading.Lock()

    def prefetch(self, skeleton: Skeleton, candidate: Candidate) -> None:
        """Start compiling a skeleton unless that has been done."""
        with self._lock:
            if skeleton not in self._pending:
                self._pending[skeleton] = self._pool.submit(
                    self._compile, skeleton, candidate)

    def get(self, skeleton: Skeleton, candidate: Candidate) -> Program | None:
        """The program of a skeleton; waits for its compilation.

        None if the compiler runs out of memory with one candidate per device.
        """
        self.prefetch(skeleton, candidate)
        program = self._pending[skeleton].result()
        with self._lock:
            self._served = [s for s in self._served if s != skeleton] + [skeleton]
            for old in self._served[:-MOST_KEPT]:
                self._pending.pop(old, None)
            self._served = self._served[-MOST_KEPT:]
        return program

    def smaller(self, skeleton: Skeleton, candidate: Candidate) -> Program | None:
        """The program of a skeleton for half as many candidates, after it ran out of
        memory; None if it has one candidate per device already."""
        slots = self._fewer(self.get(skeleton, candidate).slots)
        if slots is None:
            return None
        with self._lock:
            self._slots[skeleton] = slots
            del self._pending[skeleton]
        return self.get(skeleton, candidate)

    def call(self, program: Program, arguments: tuple, epochs: int) -> Trained:
        """Run a program on host arrays (key data, candidates, inherited, active);
        the result is on the host, and on all hosts."""
        placed = hosts.place(self.recipe.mesh, AXIS, arguments)
        return hosts.gather(program.run(*placed, self.shared, np.int32(epochs)))

    def is_ready(self, skeleton: Skeleton) -> bool:
        """Whether the program has been compiled."""
        future = self._pending.get(skeleton)
        return future is not None and future.done()

    def count(self, skeleton: Skeleton, candidates: int) -> None:
        """Record that a program served some candidates."""
        self.uses[skeleton] = self.uses.get(skeleton, 0) + candidates

    def slots(self, skeleton: Skeleton) -> int:
        """Candidates per call of the program of a skeleton, as far as it is known."""
        return self._slots.get(skeleton, self.recipe.slots)

    def seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._seconds

    def _fewer(self, slots):
        devices = self.recipe.mesh.devices.size
        half = max(devices, slots // 2 // devices * devices)
        return half if half < slots else None

    def _compile(self, skeleton, candidate):
        start = time.perf_counter()
        weights = template(skeleton, self.recipe, candidate)
        slots = self._slots.get(skeleton) or self._predicted_slots(skeleton, weights)
        run = None
        while slots is not None:
            self._slots[skeleton] = slots
            run = self._try_to_compile(skeleton, candidate, weights, slots)
            fewer = self._fewer(slots)
            if run is not None and (fewer is None or not self._exceeds(run)):
                break
            slots = fewer
        seconds = time.perf_counter() - start
        with self._lock:
            self._seconds += seconds
        return run and Program(run, skeleton, seconds, weights, slots)

    def _try_to_compile(self, *arguments):
        try:
            return self._compiled(*arguments)
        except jax.errors.JaxRuntimeError as error:
            if not device_memory.ran_out(error):
                raise
            return None

    def _compiled(self, skeleton, candidate, weights, slots):
        mesh = self.recipe.mesh
        split = NamedSharding(mesh, PartitionSpec(AXIS))
        wide = lambda leaf, dtype=None: jax.ShapeDtypeStruct(
            (slots, *np.shape(leaf)), dtype or leaf.dtype, sharding=split)
        arguments = (
            wide(np.zeros(2, np.uint32)),
            jax.tree.map(lambda leaf: wide(np.asarray(leaf)), candidate),
            Inherited(jax.tree.map(wide, weights),
                      jax.tree.map(lambda leaf: wide(leaf, jnp.bool_), weights)),
            wide(np.zeros((), bool)), self.shared, np.int32(0))
        recipe = self.recipe._replace(slots=slots)
        return jax.jit(batched(skeleton, recipe)).lower(*arguments).compile()

    def _predicted_slots(self, skeleton, weights):
        """The recipe's slots, halved until the prediction fits."""
        slots = self.recipe.slots
        if self.memory is None or self.recipe.lowering.mapping == 'map':
            return slots
        shared = device_memory.tree_bytes(self.shared)
        each = device_memory.per_candidate(
            skeleton, weights, batch_size=self.recipe.config.batch_size)
        devices = self.recipe.mesh.devices.size
        while shared + each * (slots // devices) > self.memory:
            fewer = self._fewer(slots)
            if fewer is None:
                break
            slots = fewer
        return slots

    def _exceeds(self, run):
        """Whether a compiled program needs more than a device has."""
        used = device_memory.compiled_bytes(run)
        return None not in (self.memory, used) and used > self.memory


def make_mesh(devices: int = 0) -> Mesh:
    """A mesh over the first `devices` devices of all hosts, all of them for 0."""
    chosen = jax.devices()[: devices or None]
    return Mesh(np.array(chosen), (AXIS,))


def share(mesh: Mesh, training: TrainData, validation: TrainData, order_key) -> Shared:
    """Put the data on every device once."""
    data = jax.tree.map(np.asarray, (training, validation))
    return Shared(*hosts.place(mesh, None, data), order_key)
