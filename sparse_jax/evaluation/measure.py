"""Validation error and memory of one trained candidate, after pruning."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax import status
from sparse_jax.model.connectivity import Live
from sparse_jax.model.skeleton import Candidate
from sparse_jax.objectives import memory
from sparse_jax.ops.arrays import library_of
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import TrainState
from sparse_jax.training.train import diverged
from sparse_jax.training.validation import AT_ONCE, error_rate


class Measurement(NamedTuple):
    """What the search stores of one candidate; scalars."""

    error: jax.Array
    """1 - accuracy of the pruned deterministic network, or 1 - the mean recall of its
    classes."""
    costs: memory.Costs
    status: jax.Array
    """int32 code of `sparse_jax.status`."""


def measure(
    state: TrainState, candidate: Candidate, validation: TrainData, pruned: Live,
    folded: dict, *, procedure: Procedure,
) -> Measurement:
    """Measure what `prune` left of a trained state on validation data.

    Costs are those of the SpArSe paper, in elements, one byte each when quantised:
    model size (eq. 4), working memory as the largest input plus output of a layer (eq.
    6) and as the largest input plus weights (eq. 5), besides multiply-accumulates. The
    error and the costs are counts, with a gradient of 0 everywhere;
    `training.validation_loss` is what can be differentiated.

    Args:
      state: the trained state; a value in it that is not finite is a status.
      candidate: the candidate that was trained.
      validation: N images.
      pruned, folded: from `prune`.
      procedure: the static half of the training.

    Returns:
      Error, costs and status, [] each.

    Raises:
      ValueError: `validation` has no images.

    Example:
      >>> measured = measure(
      ...     state, candidate, validation, pruned, folded, procedure=procedure)
      >>> 0 <= float(measured.error) <= 1, int(measured.costs.model_size) > 0
      (True, True)
    """
    error, costs, empty = measure_pruned(
        candidate, validation, pruned, folded, procedure=procedure)
    return Measurement(error, costs, verdict(state, empty))


def verdict(state: TrainState, empty: jax.Array) -> jax.Array:
    """int32 code of `sparse_jax.status` of a training and what pruning left of it; of
    arrays of the host on the host."""
    library = library_of(empty)
    code = library.where(diverged(state), status.NONFINITE,
                         library.where(empty, status.EMPTY, status.OK))
    return code.astype(jnp.int32)


def measure_pruned(
    candidate: Candidate, validation: TrainData, pruned: Live, folded: dict, *,
    procedure: Procedure, chunk: int = AT_ONCE,
) -> tuple[jax.Array, memory.Costs, jax.Array]:
    """(error, costs, whether nothing is left) of a pruned network; `chunk` images at
    a time."""
    skeleton = procedure.skeleton
    error = error_rate(folded, candidate, validation, skeleton=skeleton, chunk=chunk,
                       conv=procedure.conv, balanced=procedure.balanced)
    costs = memory.total(memory.layer_costs(skeleton, candidate, pruned))
    last = skeleton.graph.nodes[-1].name
    return error, costs, ~pruned.kernel[last].any()
