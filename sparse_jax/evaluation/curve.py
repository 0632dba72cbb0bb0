"""What one training leaves at many cuts: its threshold curve."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.evaluation.measure import measure_pruned
from sparse_jax.model.skeleton import Candidate
from sparse_jax.objectives import memory
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.step import TrainState
from sparse_jax.training.validation import AT_ONCE


class Curve(NamedTuple):
    """One training, pruned at several cuts; [cuts] each."""

    offset: jax.Array
    """Shift of the cut; NaN for none, which leaves nothing."""
    error: jax.Array
    costs: memory.Costs
    empty: jax.Array
    """bool: nothing is left of the network."""
    folded: dict | None
    """Params of the pruned networks; None where nobody asked for them."""
    units: dict | None
    """{tensor: [cuts, C] bool} units that remain, likewise."""


def threshold_curve(
    state: TrainState, candidate: Candidate, validation: TrainData,
    offsets: jax.Array | Sequence[float], *, procedure: Procedure,
) -> Curve:
    """What one training leaves at every shift of the log alpha cut.

    All cuts in one pass, over fewer images at a time: they share one piece of compiled
    code and take the memory of one.

    Args:
      state: the trained state.
      candidate: the candidate that was trained; its own offset is not used.
      validation: N images.
      offsets: [cuts] shifts of the method's cut.
      procedure: the static half of the training.

    Returns:
      A `Curve`, [cuts] each.

    Raises:
      ValueError: `validation` has no images.
    """
    offsets = jnp.asarray(offsets, jnp.float32)
    chunk = max(1, AT_ONCE // max(1, len(offsets)))

    def at(offset: jax.Array) -> Curve:
        pruned, folded = prune(
            state, candidate, procedure=procedure, offset=offset)
        measured = measure_pruned(candidate, validation, pruned, folded,
                                  procedure=procedure, chunk=chunk)
        return Curve(offset, *measured, folded, pruned.units)

    return jax.vmap(at)(offsets)
