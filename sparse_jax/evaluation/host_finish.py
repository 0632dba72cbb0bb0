"""The end of a training that prunes nothing, mostly on the host: the same numbers with
a third of the compiling.

What is connected to what, and what it costs, are counts: XLA takes longer to compile
them than NumPy to find them. A program has what rounds alone: batch norm folded into
the weights, and predictions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax.evaluation import batching
from sparse_jax.evaluation.batching import Batch
from sparse_jax.evaluation.machine import AXIS, Machine, place
from sparse_jax.evaluation.measure import Measurement, verdict
from sparse_jax.evaluation.recipe import Recipe, Shared, Started, Trained
from sparse_jax.model import deploy, sizes
from sparse_jax.model.connectivity import Live, live
from sparse_jax.model.skeleton import Candidate
from sparse_jax.objectives import memory
from sparse_jax.pruning import no_pruning
from sparse_jax.pruning.method import kernels
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import TrainInfo, TrainState
from sparse_jax.training.validation import error_rate

Learnt = tuple[TrainState, TrainInfo]


class Counted(NamedTuple):
    """What of one network is whole numbers."""

    alive: Live
    costs: memory.Costs
    status: jax.Array | np.ndarray


def applies(machine: Machine, recipe: Recipe) -> bool:
    """Whether trainings can end on the host: one process, candidates one by one on
    CPUs, every weight kept, and no other cut asked for."""
    return (machine.mesh.devices.flat[0].platform == 'cpu'
            and machine.lowering.mapping == 'map' and jax.process_count() == 1
            and recipe.method == no_pruning()
            and not (recipe.cuts or recipe.limits or recipe.finetune_epochs))


def program(procedure: Procedure, machine: Machine) -> Callable[..., Any]:
    """(batch, what was learnt, what lives, shared) -> (params of the networks with
    batch norm folded in, their errors), [slots, ...]; not yet compiled."""
    skeleton = procedure.skeleton

    def rounded(
        member: tuple[Batch, Learnt, Live], shared: Shared
    ) -> tuple[dict, jax.Array]:
        batch, (state, _), alive = member
        means = procedure.method.mean(state.params, state.aux)
        folded = deploy.fold_and_mask(skeleton, means, state.stats, alive)
        return folded, error_rate(
            folded, batch.candidates, shared.validation, skeleton=skeleton,
            conv=procedure.conv, balanced=procedure.balanced)

    return lambda batch, learnt, alive, shared: batching.for_each(
        machine, rounded, (batch, learnt, alive), batch.active, shared)


def everything(procedure: Procedure, candidate: Candidate) -> Live:
    """What lives of a network all of whose weights are kept; on the host."""
    return _alive(procedure, jax.tree.map(np.asarray, candidate), {})


class HostFinish(NamedTuple):
    """The last of `batching.Phases`."""

    compiled: Any
    """`program`."""
    procedure: Procedure
    machine: Machine

    def __call__(
        self, batch: Batch, started: Started, learnt: Learnt, shared: Shared
    ) -> Trained:
        """Prune, count and measure the states of a call."""
        del started
        (state, info), procedure = learnt, self.procedure
        host = jax.device_get((state._replace(opt_state=()), batch.candidates))
        networks = [_counted(*jax.tree.map(lambda leaf, at=at: leaf[at], host),
                             procedure=procedure) for at in range(len(batch.active))]
        counted = jax.tree.map(lambda *leaves: np.stack(leaves), *networks)
        placed = place(self.machine.mesh, AXIS, counted.alive)
        folded, error = self.compiled(batch, learnt, placed, shared)
        pressure: Any = None if procedure.target is None else state.pressure
        return Trained(
            state.variables, folded, counted.alive.units, info,
            Measurement(error, counted.costs, counted.status), None, pressure)

    def memory_analysis(self) -> Any:
        """Of the program."""
        return self.compiled.memory_analysis()


def _counted(
    state: TrainState, candidate: Candidate, *, procedure: Procedure
) -> Counted:
    skeleton = procedure.skeleton
    means = procedure.method.mean(state.params, state.aux)
    alive = _alive(procedure, candidate, kernels(means))
    found = memory.total(memory.layer_costs(skeleton, candidate, alive))
    exact: list[Any] = [
        np.asarray(value, np.float32 if name == 'macs' else np.int32)
        for name, value in found._asdict().items()]
    empty = ~alive.kernel[skeleton.graph.nodes[-1].name].any()
    return Counted(alive, memory.Costs(*exact), verdict(state, empty))


def _alive(procedure: Procedure, candidate: Candidate, means: dict) -> Live:
    """A weight of exactly 0 is none."""
    valid = sizes.valid_weights(procedure.skeleton, candidate)
    kept = {name: leaf['kernel'] for name, leaf in valid.items()}
    for name, mean in means.items():
        kept[name] = kept[name] & (mean != 0)
    return live(procedure.skeleton, candidate, kept)
