"""From a trained state to the deterministic network that pruning leaves of it."""

import jax

from sparse_jax.model import deploy, sizes
from sparse_jax.model.connectivity import Live, live
from sparse_jax.model.skeleton import Candidate
from sparse_jax.pruning.method import keep
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import TrainState


def prune(
    state: TrainState, candidate: Candidate, *, procedure: Procedure,
    offset: jax.Array | float | None = None,
) -> tuple[Live, dict]:
    """Remove what the method scores as superfluous, and what that leaves without use.

    Pure and un-jitted; the caller vmaps it.

    Args:
      state: a trained state, from `train`.
      candidate: the candidate that was trained.
      procedure: the static half of its training.
      offset: [] shift of the method's log alpha cut, in place of the candidate's own
        `log_alpha_offset`.

    Returns:
      The weights that live (`Live`: bool masks of kernels and of units, padded
      shapes), and the params of the pruned deterministic network, {node: {'kernel',
      'bias'?}}: posterior means with batch norm folded in, zero where pruned.

    Example:
      >>> pruned, folded = prune(state, candidate, procedure=procedure)
      >>> sorted(folded) == sorted(pruned.kernel)
      True
      >>> smaller, _ = prune(state, candidate, procedure=procedure, offset=-4.0)
      >>> all((smaller.kernel[name] <= mask).all()
      ...     for name, mask in pruned.kernel.items())
      True
    """
    skeleton, method = procedure.skeleton, procedure.method
    valid = sizes.valid_weights(skeleton, candidate)
    thresholds = {node.name: candidate.threshold[i]
                  for i, node in enumerate(skeleton.graph.nodes)}
    offset = candidate.log_alpha_offset if offset is None else offset
    kept = keep(method, state.params, state.aux, valid,
                offset=offset, thresholds=thresholds)
    pruned = live(skeleton, candidate, kept)
    means = method.mean(state.params, state.aux)
    return pruned, deploy.fold_and_mask(skeleton, means, state.stats, pruned)
