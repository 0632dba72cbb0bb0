"""Trainings that aim at limits: a hinge on log(cost / limit), its price by dual ascent.

The costs are the exact ones of the network that pruning would leave at this step. The
penalty of the method is what makes them smaller: it counts while the network is above a
limit, not while it is below all of them, and its coefficient grows with the violation
that has been seen so far.
"""

import jax
import jax.numpy as jnp

from sparse_jax.model.skeleton import Candidate
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.step import TrainState

GAIN = 30.0
"""Growth of the log multiplier over a run that is above its limit by a factor of e."""
MOST = 1.0
"""Of a violation that counts, either way."""
RANGE = (0.0, 7.0)
"""Of the log multiplier: up to a factor of 1100."""
BAND = 0.05
"""From so far below a limit on, as a logarithm, the penalty begins to count; from the
limit on it counts in full. Without a band one map would switch it on and off."""


def aimed(
    state: TrainState, candidate: Candidate, progress: jax.Array,
    share: jax.Array | float, *, procedure: Procedure,
) -> TrainState:
    """The state with the price of the next steps.

    Args:
      state: before them.
      candidate: what is trained; the multiplier waits for the end of its
        zero-regularization epochs.
      progress: [] share of the run that is done.
      share: [] length of these steps, as a share of the run.
      procedure: the static half; without a target the state is returned as it is.

    Returns:
      The state with another `pressure` and `hinge`.
    """
    if procedure.target is None:
        return state
    pruned, _ = prune(state, candidate, procedure=procedure)
    over = procedure.target(procedure.skeleton, candidate, pruned) + BAND
    begun = 100.0 * progress >= candidate.zero_regularization_epochs
    moved = state.pressure + GAIN * share * jnp.clip(over, -MOST, MOST)
    return state._replace(
        pressure=jnp.where(begun, jnp.clip(moved, *RANGE), state.pressure),
        hinge=jnp.clip(over / BAND, 0.0, 1.0))
