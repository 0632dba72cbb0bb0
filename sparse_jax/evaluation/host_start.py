"""The start of a training without a program: initial weights and masks by NumPy.

Tracing and compiling them is a seventh of what a structure of a search by the clock
costs before its first step; NumPy takes milliseconds. Initial weights differ from those
of the program in their last digits, so that one search has either one or the other.
"""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax import host_random
from sparse_jax.evaluation.batching import Batch
from sparse_jax.evaluation.machine import AXIS, Machine, gather, place
from sparse_jax.evaluation.recipe import Inherited, Recipe, Started
from sparse_jax.model import network, sizes
from sparse_jax.model.skeleton import Candidate
from sparse_jax.pruning.reference import no_pruning
from sparse_jax.training.optimizers import MuonState, lengths_of
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import TrainState, Variables, init_state


def applies(machine: Machine, recipe: Recipe) -> bool:
    """Whether trainings can start on the host: candidates one by one on CPUs, by a
    method that trains weights alone: another one's start is its own."""
    method = recipe.method
    return (machine.mesh.devices.flat[0].platform == 'cpu'
            and machine.lowering.mapping == 'map'
            and (method == no_pruning() or method.press is not None))


class NoMemory(NamedTuple):
    """The plan of a program that is none."""

    temp_size_in_bytes: int = 0
    argument_size_in_bytes: int = 0
    output_size_in_bytes: int = 0
    alias_size_in_bytes: int = 0


class HostStart(NamedTuple):
    """The first of `batching.Phases`."""

    procedure: Procedure
    machine: Machine

    def __call__(self, batch: Batch) -> Started:
        """Fresh weights, or inherited ones where their mask is True, on the mesh."""
        return place(self.machine.mesh, AXIS, self.on_host(gather(batch)))

    def on_host(self, batch: Batch) -> Started:
        """The same of arrays of the host, for the host."""
        slots = [self._one(*jax.tree.map(
            lambda leaf, at=at: leaf[at],
            (batch.key_data, batch.candidates, batch.inherited)))
            for at in range(len(batch.active))]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *slots)

    def memory_analysis(self) -> NoMemory:
        """It has no program."""
        return NoMemory()

    def _one(
        self, key_data: Any, candidate: Candidate, inherited: Inherited
    ) -> Started:
        skeleton, config = self.procedure.skeleton, self.procedure.config
        keys: Any = _keys(key_data)
        train_key, seed = keys
        valid: Any = sizes.valid_weights(skeleton, candidate)
        fresh = network.host_init(np.asarray(seed), skeleton, valid)
        aux = jax.tree.map(
            np.asarray, self.procedure.method.init(fresh['params'], valid))
        variables = Variables(fresh['params'], aux, fresh.get('batch_stats', {}))
        variables = Variables(*jax.tree.map(
            np.where, inherited.mask, inherited.values, variables))
        like: Any = jax.eval_shape(
            functools.partial(init_state, config=config), *variables)
        opt_state = jax.tree.map(
            lambda leaf: np.zeros(leaf.shape, leaf.dtype), like.opt_state)
        is_muon = lambda part: isinstance(part, MuonState)
        opt_state = jax.tree.map(
            lambda part: part._replace(lengths=lengths_of(part.momentum, valid))
            if is_muon(part) else part, opt_state, is_leaf=is_muon)
        aims = self.procedure.target is not None
        pressure: Any = np.float32(inherited.pressure if aims else 0.0)
        numbers: Any = np.int32(0), np.float32(0.0), pressure, np.float32(1.0)
        return Started(train_key, TrainState(*variables, opt_state, *numbers), valid)


@jax.jit
def _keys(key_data: Any) -> tuple[jax.Array, jax.Array]:
    """(data of the key of the training, seed of the initial weights)."""
    init_key, train_key = jax.random.split(host_random.wrap(key_data))
    return jax.random.key_data(train_key), network.seed_of(init_key)
