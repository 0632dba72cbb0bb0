"""One search over several hosts: the first one decides, the others compute along.

Every process loads the data and compiles the same programs over the devices of all
processes. The first process runs the search with a `HostsExecutor`: before every call
of a program it tells the others which network and which arrays, and all of them enter
the call together. The others `follow` until it is closed.
"""

import hashlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from sparse_jax.evaluation.batching import Batch
from sparse_jax.evaluation.executor import Executor
from sparse_jax.evaluation.grouping import Member
from sparse_jax.evaluation.host_variables import HostsError
from sparse_jax.evaluation.local import LocalExecutor
from sparse_jax.evaluation.machine import Machine
from sparse_jax.evaluation.programs import Program
from sparse_jax.evaluation.recipe import Inherited, Recipe, Shared, Trained
from sparse_jax.model.skeleton import TierPolicy, split
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space


class Call(NamedTuple):
    """One call of a program: what the other hosts need to take part in it."""

    row: np.ndarray
    """[D] a point of the skeleton."""
    epochs: int
    leaves: list[np.ndarray]
    """Those of its `Batch`, [slots, ...] each."""


def join(coordinator: str, count: int, index: int) -> None:
    """Connect the processes of one search; before anything touches a device.

    coordinator: ADDRESS:PORT of process 0.
    """
    # It would catch SIGTERM and do nothing about it.
    jax.config.update('jax_enable_preemption_service', False)
    jax.distributed.initialize(
        coordinator, count, index, shutdown_timeout_seconds=10)
    # Opens the connections now: later a host may wait long for one that compiles, and
    # opening them has a short time limit.
    _broadcast(np.zeros(1))


def agree(fingerprint: str | None) -> None:
    """Make sure that all hosts are ready for the same search.

    fingerprint: of everything that must be equal; None if this host failed.
    Raises:
      HostsError: another host failed, or has another fingerprint.
    """
    if alone():
        return
    digest = hashlib.sha256((fingerprint or '').encode()).digest()
    own = np.frombuffer(bytes([fingerprint is not None]) + digest, np.uint8)
    every = np.asarray(multihost_utils.process_allgather(own))
    if fingerprint is None:
        return
    if not every[:, 0].all():
        raise HostsError(f'host {int(every[:, 0].argmin())} could not start; see there')
    other = (every != own).any(1)
    if other.any():
        raise HostsError(
            f'host {int(other.argmax())} has another configuration, other data, '
            'another lowering (config.runtime.conv) or another version of jax; they '
            'must be equal')


def leave() -> None:
    """Disconnect, once the search has ended."""
    if not alone():
        jax.distributed.shutdown()


def alone() -> bool:
    """Whether this is the only process; starts no device where none was joined."""
    return not jax.distributed.is_initialized() or jax.process_count() == 1


def leads() -> bool:
    """Whether this process runs the search."""
    return alone() or jax.process_index() == 0


class HostsExecutor(LocalExecutor):
    """Trains on the devices of all processes; this one leads.

    Calls go out one after another, in the same order everywhere. A call that fails
    ends the search: some of the processes may have failed alone.
    """

    def __init__(self, recipe: Recipe, shared: Shared, machine: Machine):
        """An `executor.ExecutorFactory`."""
        super().__init__(recipe, shared, machine._replace(workers=1))

    def train(
        self, program: Program, members: Sequence[Member], epochs: int
    ) -> list[Trained]:
        """One call of a program, entered by all processes."""
        def call(program: Program, batch: Batch, epochs: int) -> Trained:
            _tell(Call(members[0].trial.row, epochs, jax.tree.leaves(batch)))
            return self.programs.call(program, batch, epochs)

        return self.programs.train(program, members, epochs, call)

    def can_retry(self, error: RuntimeError) -> bool:
        """There is no way to go on."""
        del error
        return False

    def close(self) -> None:
        """End the work of the other processes, and what waits to be compiled."""
        super().close()
        _tell(None)


def make_executor(recipe: Recipe, shared: Shared, machine: Machine) -> Executor:
    """The executor of this process, or of all of them where there are several."""
    kind = LocalExecutor if alone() else HostsExecutor
    return kind(recipe, shared, machine)


def follow(executor: HostsExecutor, space: Space, policy: TierPolicy) -> None:
    """Take part in the calls of the process that runs the search, until it ends.

    Raises:
      HostsError: this process cannot run as many candidates at once.
    """
    programs = executor.programs
    while (call := _hear()) is not None:
        graph = encoding.graph(space, call.row)
        skeleton, candidate = split(graph, encoding.decode(space, call.row), policy)
        program = programs.get(skeleton, candidate)
        slots = len(call.leaves[0])
        if program is None or program.slots != slots:
            raise HostsError(
                f'this host cannot run {slots} candidates per call as host 0 does; '
                'give all hosts the same config.runtime.memory')
        shapes = Batch(np.zeros(0), candidate, Inherited(
            program.template, program.template, np.zeros(0)), np.zeros(0))
        batch = jax.tree.unflatten(jax.tree.structure(shapes), call.leaves)
        programs.call(program, batch, call.epochs)


def _tell(call: Call | None) -> None:
    """Send the next call to the other hosts; None ends their work."""
    payload = np.frombuffer(b'' if call is None else _encode(call), np.uint8)
    _broadcast(np.array([len(payload)]))
    if len(payload):
        _broadcast(payload)


def _hear() -> Call | None:
    """The next call; None when the search has ended."""
    length = int(_broadcast(np.zeros(1, int))[0])
    if not length:
        return None
    return _decode(_broadcast(np.zeros(length, np.uint8)).tobytes())


def _broadcast(array: np.ndarray) -> np.ndarray:
    return np.asarray(multihost_utils.broadcast_one_to_all(array))


def _encode(call: Call) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f'leaf{i}': leaf for i, leaf in enumerate(call.leaves)}
    np.savez(buffer, row=call.row, epochs=call.epochs, **arrays)
    return buffer.getvalue()


def _decode(payload: bytes) -> Call:
    with np.load(io.BytesIO(payload), allow_pickle=False) as stored:
        count = len(stored.files) - 2
        return Call(stored['row'], int(stored['epochs']),
                    [stored[f'leaf{i}'] for i in range(count)])
