"""The machine that trainings run on: its devices, and arrays on them.

Nothing here changes what a training means; results differ in rounding at most.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sparse_jax import compiler
from sparse_jax.efforts import Effort
from sparse_jax.ops.lowering import Lowering

AXIS = 'candidate'
"""Name of the mesh's axis: candidates are split over the devices."""


class Machine(NamedTuple):
    """Where and how compiled programs run."""

    lowering: Lowering
    mesh: Mesh
    slots: int
    """Candidates per call; a multiple of the number of devices."""
    workers: int = 1
    """Calls in flight at once."""
    memory: int | None = None
    """Bytes that programs may use on one device; None for no limit."""


def compiler_options(mesh: Mesh, effort: Effort | None = None) -> Effort:
    """Those of `compiler.repeatable` on the devices of a mesh."""
    return compiler.repeatable(mesh.devices.flat[0].platform, effort)


def make_mesh(devices: int = 0) -> Mesh:
    """A mesh over the first `devices` devices of all hosts, all of them for 0."""
    chosen = jax.devices()[: devices or None]
    return Mesh(np.array(chosen), (AXIS,))


def place(mesh: Mesh, axis: str | None, tree: Any) -> Any:
    """Host arrays, the same in every process, -> arrays on the mesh.

    Split along their first axis, or whole on every device if `axis` is None.
    """
    spec = PartitionSpec() if axis is None else PartitionSpec(axis)
    sharding = NamedSharding(mesh, spec)
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda leaf: jax.make_array_from_callback(
        np.shape(leaf), sharding, lambda index: np.asarray(leaf)[index]), tree)


def gather(tree: Any) -> Any:
    """Results of a call -> host arrays, whole in every process."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)
