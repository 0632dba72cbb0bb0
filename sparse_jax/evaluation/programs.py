"""Compiled training programs: one per skeleton, counted and timed."""

import concurrent.futures
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from sparse_jax import efforts
from sparse_jax.evaluation import batching, device_memory, host_finish, host_start
from sparse_jax.evaluation.batching import Batch, Phases
from sparse_jax.evaluation.grouping import Member
from sparse_jax.evaluation.machine import (
    AXIS,
    Machine,
    compiler_options,
    gather,
    place,
)
from sparse_jax.evaluation.recipe import Recipe, Shared, Trained, template
from sparse_jax.lowered.lower import lower
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.ops.lowering import targets
from sparse_jax.training.step import Variables

MOST_KEPT = 24
"""Programs in memory at once. On a CPU each maps a thousand and more pieces of code,
and an operating system allows a process some 65 000; what is dropped comes back from
the persistent cache."""
MOST_COMPILING = 4
"""Programs compiled at once, where there are as many cores."""


class Program(NamedTuple):
    """A compiled program and what it cost to get."""

    run: Phases
    """Compiled; batched: [slots, ...] in and out."""
    skeleton: Skeleton
    seconds: float
    """Wall-clock of tracing and compiling."""
    template: Variables
    """Abstract, of one candidate."""
    slots: int
    """Candidates per call."""


class Programs:
    """Compiles each skeleton once, in the background if asked ahead of time.

    A program has as many slots as the machine says, fewer where the memory of a device
    would not hold them: first by prediction, then by what the compiler reports, at
    last by what fails.
    """

    def __init__(self, recipe: Recipe, shared: Shared, machine: Machine):
        """shared: on the host or on a device; it is put on all of them, once."""
        self.recipe = recipe
        self.machine = machine
        data = jax.tree.map(np.asarray, (shared.training, shared.validation))
        training, validation = place(machine.mesh, None, data)
        self.shared = Shared(training, validation, shared.order_key)
        self.uses: dict[Skeleton, int] = {}
        """Candidates served by each program."""
        self._slots: dict[Skeleton, int] = {}
        self._served: list[Skeleton] = []
        self._seconds = 0.0
        self._pending: dict[Skeleton, concurrent.futures.Future[Program | None]] = {}
        # Compiling one program hardly uses a second core.
        self._pool = concurrent.futures.ThreadPoolExecutor(
            min(MOST_COMPILING, os.cpu_count() or 1), 'compile')
        self._lock = threading.Lock()

    def prefetch(
        self, skeleton: Skeleton, candidate: Candidate
    ) -> concurrent.futures.Future[Program | None]:
        """Start compiling a skeleton unless that has been done; what comes of it."""
        with self._lock:
            if skeleton not in self._pending:
                self._pending[skeleton] = self._pool.submit(
                    self._compile, skeleton, candidate)
            return self._pending[skeleton]

    def get(self, skeleton: Skeleton, candidate: Candidate) -> Program | None:
        """The program of a skeleton; waits for its compilation.

        None if the compiler runs out of memory with one candidate per device.
        """
        program = self.prefetch(skeleton, candidate).result()
        with self._lock:
            self._served = [s for s in self._served if s != skeleton] + [skeleton]
            for old in self._served[:-MOST_KEPT]:
                self._pending.pop(old, None)
            self._served = self._served[-MOST_KEPT:]
        return program

    def smaller(self, failed: Program, candidate: Candidate) -> Program | None:
        """The program of a skeleton for half as many candidates, after it ran out of
        memory; None if it has one candidate per device already."""
        slots, skeleton = self._fewer(failed.slots), failed.skeleton
        if slots is None:
            return None
        with self._lock:
            # Another call may have failed, and asked, before.
            if self._slots[skeleton] > slots:
                self._slots[skeleton] = slots
                self._pending.pop(skeleton, None)
        return self.get(skeleton, candidate)

    def call(self, program: Program, batch: Batch, epochs: int) -> Trained:
        """Run a program on host arrays; the result is on the host, and on all hosts."""
        placed = place(self.machine.mesh, AXIS, batch)
        return gather(program.run(placed, self.shared, np.int32(epochs)))

    def train(
        self, program: Program, members: Sequence[Member], epochs: int,
        call: Callable[[Program, Batch, int], Trained] | None = None,
    ) -> list[Trained]:
        """Train some members of the program's skeleton in one call.

        Args:
          members: at most as many as the program has slots.
          epochs: of all of them.
          call: in place of this object's own.

        Returns:
          The host results of every member.
        """
        order = batching.slot_order(
            len(members), program.slots, self.machine.mesh.devices.size)
        batch = batching.fill(program.skeleton, members, program.template, order)
        result = (call or self.call)(program, batch, epochs)
        return [batching.take(result, order, i) for i in range(len(members))]

    def is_ready(self, skeleton: Skeleton) -> bool:
        """Whether the program has been compiled."""
        future = self._pending.get(skeleton)
        return future is not None and future.done()

    def wait_for_any(self, skeletons: Sequence[Skeleton]) -> None:
        """Until one of some programs has been compiled, of those that were begun."""
        with self._lock:
            futures = [self._pending[s] for s in skeletons if s in self._pending]
        concurrent.futures.wait(
            futures, return_when=concurrent.futures.FIRST_COMPLETED)

    def count(self, skeleton: Skeleton, candidates: int) -> None:
        """Record that a program served some candidates."""
        with self._lock:
            self.uses[skeleton] = self.uses.get(skeleton, 0) + candidates

    def slots(self, skeleton: Skeleton) -> int:
        """Candidates per call of the program of a skeleton, as far as it is known."""
        return self._slots.get(skeleton, self.machine.slots)

    def seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._seconds

    def close(self) -> None:
        """Drop what waits to be compiled; nothing can be asked for afterwards."""
        with self._lock:
            self._pool.shutdown(wait=False, cancel_futures=True)
            dropped = {s: f for s, f in self._pending.items() if f.cancelled()}
            self._pending = {
                s: f for s, f in self._pending.items() if s not in dropped}
        for future in dropped.values():
            # Else threads that wait for one of several wait for ever, and so does the
            # end of the process.
            future.set_running_or_notify_cancel()

    def _fewer(self, slots: int) -> int | None:
        devices = self.machine.mesh.devices.size
        half = max(devices, slots // 2 // devices * devices)
        return half if half < slots else None

    def _compile(self, skeleton: Skeleton, candidate: Candidate) -> Program | None:
        start = time.perf_counter()
        weights = template(skeleton, self.recipe)
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
        if run is None or slots is None:
            return None
        return Program(run, skeleton, seconds, weights, slots)

    def _try_to_compile(self, *arguments: Any) -> Phases | None:
        try:
            return self._compiled(*arguments)
        except jax.errors.JaxRuntimeError as error:
            if not device_memory.ran_out(error):
                raise
            return None

    def _compiled(
        self, skeleton: Skeleton, candidate: Candidate, weights: Variables, slots: int
    ) -> Phases:
        split = NamedSharding(self.machine.mesh, PartitionSpec(AXIS))
        on_mesh = functools.partial(jax.tree.map, lambda leaf: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=split))
        batch = on_mesh(batching.abstract(candidate, weights, slots))
        machine, efforts_of = self.machine._replace(slots=slots), self._efforts
        parts = batching.phases(skeleton, self.recipe, machine)

        def compiled(
            name: str, part: Callable, arguments: tuple, effort: efforts.Effort | None
        ) -> tuple[Any, Any]:
            """(the program, its abstract results)."""
            lowered = lower(
                part, arguments, calls=self._calls,
                decided_by=(name, skeleton, self.recipe, self.machine.lowering))
            options = compiler_options(self.machine.mesh, effort)
            return (lowered.compile(compiler_options=options),
                    on_mesh(lowered.out_info))

        procedure = self.recipe.procedure(skeleton, machine.lowering.conv)
        if host_start.applies(machine, self.recipe):
            start = host_start.HostStart(procedure, machine)
            started = on_mesh(start.on_host(jax.tree.map(
                lambda leaf: np.zeros(leaf.shape, leaf.dtype), batch)))
        else:
            start, started = compiled('start', parts.start, (batch,), efforts_of.start)
        learn, learnt = compiled(
            'learn', parts.learn, (batch, started, self.shared, np.int32(0)),
            efforts_of.learn)
        if not host_finish.applies(machine, self.recipe):
            finish, _ = compiled('finish', parts.finish,
                                 (batch, started, learnt, self.shared),
                                 efforts_of.finish)
            return Phases(start, learn, finish)
        alive = on_mesh(jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((slots, *leaf.shape), leaf.dtype),
            host_finish.everything(procedure, candidate)))
        rounded, _ = compiled('rounded', host_finish.program(procedure, machine),
                              (batch, learnt, alive, self.shared), efforts_of.finish)
        return Phases(start, learn, host_finish.HostFinish(
            rounded, procedure, machine))

    @functools.cached_property
    def _calls(self) -> tuple[str, ...]:
        """Custom calls that programs may have; XLA is told of them."""
        return targets(self.machine.lowering.conv)

    @property
    def _efforts(self) -> efforts.Phases:
        """The compiler's efforts: functions of the recipe, the data and the lowering
        alone, so that every training of a search rounds alike."""
        config, data = self.recipe.config, self.shared.training
        images = data.num_images()
        steps = config.epochs * (images // min(config.batch_size, images))
        return efforts.of_training(
            self.machine.lowering.conv, steps * math.prod(data.images.shape[1:]),
            math.prod(self.shared.validation.images.shape),
            finetunes=bool(self.recipe.finetune_epochs))

    def _predicted_slots(self, skeleton: Skeleton, weights: Variables) -> int:
        """The machine's slots, halved until the prediction fits."""
        machine = self.machine
        slots = machine.slots
        if machine.memory is None or machine.lowering.mapping == 'map':
            return slots
        shared = device_memory.of_data(self.shared)
        each = device_memory.per_candidate(
            skeleton, weights, batch_size=self.recipe.config.batch_size,
            conv=machine.lowering.conv)
        devices = machine.mesh.devices.size
        while shared + each * (slots // devices) > machine.memory:
            fewer = self._fewer(slots)
            if fewer is None:
                break
            slots = fewer
        return slots

    def _exceeds(self, run: Phases) -> bool:
        """Whether a compiled program needs more than a device has."""
        used = device_memory.compiled_bytes(run)
        return (used is not None and self.machine.memory is not None
                and used > self.machine.memory)
