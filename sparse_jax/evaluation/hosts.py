"""One search over several hosts: the first one decides, the others compute along.

Every process loads the data and compiles the same programs over the devices of all
processes. The first process runs the search; before every call of a program it tells
the others which network and which arrays, and all of them enter the call together.
With one process nothing is told and nothing changes.
"""

import hashlib
import io
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec


class Call(NamedTuple):
    """One call of a program: what the other hosts need to take part in it."""

    row: np.ndarray
    """[D] a point of the skeleton."""
    epochs: int
    leaves: list[np.ndarray]
    """The batched arguments, [slots, ...] each."""


class HostsError(RuntimeError):
    """The hosts cannot work together; the message is one line."""


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
            f'host {int(other.argmax())} has another configuration, other data or '
            'another version of jax; they must be equal')


def leave() -> None:
    """Disconnect, once the search has ended."""
    if not alone():
        jax.distributed.shutdown()


def alone() -> bool:
    """Whether this is the only process."""
    return jax.process_count() == 1


def leads() -> bool:
    """Whether this process runs the search."""
    return jax.process_index() == 0


def place(mesh: Mesh, axis: str | None, tree: Any) -> Any:
    """Host arrays, the same in every process, -> arrays on the mesh.

    Split along their first axis, or whole on every device if `axis` is None.
    """
    spec = PartitionSpec() if axis is None else PartitionSpec(axis)
    sharding = NamedSharding(mesh, spec)
    if alone():
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda leaf: jax.make_array_from_callback(
        np.shape(leaf), sharding, lambda index: np.asarray(leaf)[index]), tree)


def gather(tree: Any) -> Any:
    """Results of a call -> host arrays, whole in every process."""
    if alone():
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def tell(call: Call | None) -> None:
    """Send the next call to the other hosts; None ends their work."""
    if alone():
        return
    payload = np.frombuffer(b'' if call is None else _encode(call), np.uint8)
    _broadcast(np.array([len(payload)]))
    if len(payload):
        _broadcast(payload)


def hear() -> Call | None:
    """The next call; None when the search has ended."""
    length = int(_broadcast(np.zeros(1, int))[0])
    if not length:
        return None
    return _decode(_broadcast(np.zeros(length, np.uint8)).tobytes())


def _broadcast(array):
    return np.asarray(multihost_utils.broadcast_one_to_all(array))


def _encode(call):
    buffer = io.BytesIO()
    leaves = {f'leaf{i}': leaf for i, leaf in enumerate(call.leaves)}
    np.savez(buffer, row=call.row, epochs=call.epochs, **leaves)
    return buffer.getvalue()


def _decode(payload):
    with np.load(io.BytesIO(payload), allow_pickle=False) as stored:
        count = len(stored.files) - 2
        return Call(stored['row'], int(stored['epochs']),
                    [stored[f'leaf{i}'] for i in range(count)])
