"""What runs in a worker's process: a device, its programs, and nothing of the study.

`Worker.begin` is called before anything imports JAX: it fixes what JAX reads once.
"""

from __future__ import annotations

import os
import pathlib
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from sparse_jax.evaluation.grouping import Group
    from sparse_jax.evaluation.local import LocalExecutor
    from sparse_jax.evaluation.machine import Machine
    from sparse_jax.evaluation.recipe import Trained
    from sparse_jax.ops.lowering import Lowering
    from sparse_jax.settings.groups import Settings
    from sparse_jax.training.data import TrainData

NUMBERS = (
    'jax_debug_nans', 'jax_debug_infs', 'jax_disable_jit', 'jax_enable_x64',
    'jax_numpy_dtype_promotion', 'jax_numpy_rank_promotion', 'jax_check_tracer_leaks',
    'jax_default_matmul_precision', 'jax_threefry_partitionable',
    'jax_default_prng_impl')
"""Options of JAX that change results or stop programs: as in the decider."""
CACHE = ('jax_compilation_cache_dir', 'jax_persistent_cache_min_compile_time_secs',
         'jax_persistent_cache_min_entry_size_bytes')
"""Options of JAX that share compiled programs; as in the decider, where the folder can
be reached."""


class Surroundings(NamedTuple):
    """What a process fixes before JAX starts."""

    device: str
    """'cpu' or 'gpu'."""
    cpus: int
    """Cores of this worker; 0 for all."""
    position: int
    """Of this worker on its node: which of the cores."""


class Blueprint(NamedTuple):
    """What all trainings of a search have in common; can be sent."""

    recipe: dict[str, Any]
    """All fields of the `Recipe` but its method, whose functions cannot be sent."""
    settings: Settings
    """Of the search; they name the method."""
    training: TrainData
    """Host arrays, as those below."""
    validation: TrainData
    order_key: np.ndarray
    """Key data."""
    lowering: Lowering
    options: dict[str, Any]
    """{option of JAX: value}."""
    slots: int = 1
    """Candidates per call on a device, of a vmapped program: another number rounds
    differently."""


class Facts(NamedTuple):
    """What a worker is."""

    process: int
    host: str
    platform: str
    at_once: int
    """Members that it trains at once."""
    identity: dict[str, str]
    """{what results depend on: its value here}."""
    vectors: str = ''
    """Of its processor; '' for a GPU."""


class Result(NamedTuple):
    """A training, on the host."""

    number: int
    """Of its trial."""
    trained: Trained | None
    """In the skeleton's padded shapes; None if it did not fit into memory."""
    seconds: float


class Done(NamedTuple):
    """What came of a part."""

    results: list[Result]
    compile_seconds: float
    """Of this worker so far."""
    slots: int
    """Candidates per call of the program."""


class Worker:
    """Trains the groups that it is given, as `local.LocalExecutor` does."""

    _executor: LocalExecutor

    def begin(self, around: Surroundings) -> None:
        """Take a part of the cores, or the GPU that the cluster has assigned."""
        if around.device == 'cpu':
            os.environ['JAX_PLATFORMS'] = 'cpu'
        elif os.environ.get('JAX_PLATFORMS') == 'cpu':
            del os.environ['JAX_PLATFORMS']
        _pin(around.cpus, around.position)

    def prepare(self, plan: Blueprint) -> Facts:
        """Put the data on the device; no program is compiled yet."""
        import jax

        from sparse_jax import host_random, processor
        from sparse_jax.evaluation.cluster.identity import identity
        from sparse_jax.evaluation.local import LocalExecutor
        from sparse_jax.evaluation.recipe import Recipe, Shared
        from sparse_jax.settings import reading

        _configure(plan.options)
        machine = _machine(plan)
        recipe = Recipe(reading.pruning_method(plan.settings), **plan.recipe)
        self._executor = LocalExecutor(recipe, Shared(
            plan.training, plan.validation,
            host_random.wrap(jax.numpy.asarray(plan.order_key))), machine)
        platform = machine.mesh.devices.flat[0].platform
        at_once = max(machine.slots, machine.workers)
        return Facts(os.getpid(), socket.gethostname(), platform, at_once,
                     identity(machine.lowering.conv),
                     processor.vectors() if platform == 'cpu' else '')

    def train(self, group: Group, ahead: Group | None) -> Done:
        """Train a group.

        Args:
          group: of any skeleton.
          ahead: whose program is compiled meanwhile.
        """
        from sparse_jax import status
        from sparse_jax.study.outcome import Outcome

        kept: dict[int, Trained] = {}

        def keep(_: Any, member: Any, trained: Trained) -> Outcome:
            kept[member.trial.number] = trained
            return Outcome(member.trial, status.OK)

        self._executor.prefetch([group, ahead] if ahead else [group])
        results = [
            Result(outcome.trial.number, kept.get(outcome.trial.number),
                   outcome.train_seconds)
            for outcomes in self._executor.run([group], keep, lambda *_: None)
            for outcome in outcomes]
        return Done(results, self._executor.stats().compile_seconds,
                    self._executor.slots(group.skeleton))


def _pin(cpus: int, position: int) -> None:
    """Keep this process, and the threads that it starts, on its own cores."""
    if not cpus or not hasattr(os, 'sched_setaffinity'):
        return
    cores = sorted(os.sched_getaffinity(0))
    own = cores[position * cpus: (position + 1) * cpus]
    # A cluster may be told of more cores than there are.
    if len(own) == cpus:
        os.sched_setaffinity(0, own)


def _configure(options: dict[str, Any]) -> None:
    """Give JAX the decider's options."""
    import jax

    from sparse_jax.lowered import lower

    folder = options.get(CACHE[0])
    try:
        if folder:
            os.makedirs(folder, exist_ok=True)
        skipped = ()
    except OSError:
        skipped = CACHE
    for name, value in options.items():
        if name not in skipped:
            jax.config.update(name, value)
    if folder and not skipped:
        lower.use(pathlib.Path(folder))


def _machine(plan: Blueprint) -> Machine:
    """This process's device, and how programs run on it."""
    from sparse_jax.evaluation import device_memory
    from sparse_jax.evaluation.machine import Machine, make_mesh

    mesh, memory = make_mesh(1), device_memory.limit(plan.settings.runtime.memory)
    if plan.lowering.mapping == 'map':
        return Machine(plan.lowering, mesh, 1, _cores(), memory)
    return Machine(plan.lowering, mesh, plan.slots, 1, memory)


def _cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
