"""The cut at which as much is left of a training as the budgets allow."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model.skeleton import Candidate
from sparse_jax.objectives import memory
from sparse_jax.objectives.goals import Limits
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.step import TrainState

GRID = np.array([round(i / 100, 2) for i in range(-1600, 801)], np.float32)
"""Shifts of the cut that are tried, in hundredths: names of networks are short so.
They reach far down, as a weight that matters may have a log alpha below -10."""
_HALVINGS = int(np.ceil(np.log2(len(GRID) + 1)))


def widest_cut(
    state: TrainState, candidate: Candidate, limits: Limits, *, procedure: Procedure
) -> jax.Array:
    """The shift of `GRID` that leaves most within the limits.

    Counts alone are looked at, no image: what a cut leaves never grows as its shift
    falls, so that halving finds the place. Pure; the caller vmaps.

    Args:
      state: the trained state.
      candidate: the candidate that was trained; its own offset is not used.
      limits: one at least.
      procedure: the static half of the training.

    Returns:
      [] float32 shift of the method's cut; NaN where none is within the limits.
    """
    grid = jnp.asarray(GRID)

    def fits(index: jax.Array) -> jax.Array:
        pruned, _ = prune(state, candidate, procedure=procedure, offset=grid[index])
        costs = memory.total(memory.layer_costs(procedure.skeleton, candidate, pruned))
        return functools.reduce(operator.and_, (
            getattr(costs, name) <= most for name, most in limits))

    def halve(_: jax.Array, ends: tuple[jax.Array, jax.Array]) -> tuple[
            jax.Array, jax.Array]:
        # The lower end is within, or stands for no shift at all; the upper one is not.
        low, high = ends
        middle = (low + high) // 2
        inside = (middle > low) & fits(middle)
        return jnp.where(inside, middle, low), jnp.where(inside, high, middle)

    low, _ = jax.lax.fori_loop(
        0, _HALVINGS, halve, (jnp.int32(-1), jnp.int32(len(GRID))))
    return jnp.where(low < 0, jnp.nan, grid[low])
