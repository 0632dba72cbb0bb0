"""Pruning on a schedule: costs that fall to the limits of a target, step by step.

The costs are the exact ones of the network that pruning would leave. As a logarithm
they are to fall from where the run begins to the limit, along the cubic path of Zhu and
Gupta 2017; how many weights are kept follows what the costs are above it.
"""

import jax
import jax.numpy as jnp

from sparse_jax.model.skeleton import Candidate
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.step import TrainState

BEGIN, END = 0.05, 0.6
"""Shares of a run between which costs fall."""
PERIOD = 8
"""Steps from one look at the costs to the next."""
GAIN = 0.5
"""Of what the costs are above their path, how much is corrected at once. Costs hardly
fall faster than the number of weights, so that this does not swing."""
BELOW = 0.006
"""How far below the limit costs are to end: what is pruned goes on moving, and a weight
or two come back after the last look."""
MOST = 12.0
"""Of the log of how many weights there are to one that is kept."""


def scheduled(
    state: TrainState, candidate: Candidate, valid: dict, progress: jax.Array, *,
    procedure: Procedure,
) -> TrainState:
    """The state with the thresholds of the next steps.

    Args:
      state: before them. `pressure` is the log of how many weights there are to one
        that is kept, `hinge` how far the network was above the target at the first
        step: a run that goes on from a pruned network begins there.
      candidate: what is trained.
      valid: masks of the weights that exist.
      progress: [] share of the run that is done.
      procedure: the static half; its method has `press`, and it has a target.

    Returns:
      The state with another `pressure`, and thresholds in its `aux`.
    """
    target, press = procedure.target, procedure.method.press
    assert target is not None and press is not None
    left = 1.0 - jnp.clip((progress - BEGIN) / (END - BEGIN), 0.0, 1.0)

    def moved(state: TrainState) -> TrainState:
        pruned, _ = prune(state, candidate, procedure=procedure)
        over = target(procedure.skeleton, candidate, pruned)
        first = jnp.where(
            state.step == 0, jnp.maximum(over + BELOW, 0.0), state.hinge)
        pressure = jnp.clip(
            state.pressure + GAIN * (over + BELOW - first * left ** 3), 0.0, MOST)
        return state._replace(
            pressure=pressure, hinge=first,
            aux=press(state.params, state.aux, valid, pressure))

    return jax.lax.cond(state.step % PERIOD == 0, moved, lambda state: state, state)
