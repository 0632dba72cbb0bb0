"""Validation error and memory of one trained candidate, after pruning."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax import status
from sparse_jax.model import deploy, network, sizes
from sparse_jax.model.connectivity import Live, live
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.objectives import memory
from sparse_jax.pruning.method import keep
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import TrainState
from sparse_jax.training.train import TrainData, diverged

AT_ONCE = 256
"""Images in flight, over all cuts: twice as many and more were slower on a CPU."""


class Curve(NamedTuple):
    """One training, pruned at several cuts; [cuts] each."""

    error: jax.Array
    costs: memory.Costs
    empty: jax.Array
    """bool: nothing is left of the network."""
    folded: dict | None
    """Params of the pruned networks; None where nobody asked for them."""
    units: dict | None
    """{tensor: [cuts, C] bool} units that remain, likewise."""


class Measurement(NamedTuple):
    """What the search stores of one candidate; scalars."""

    error: jax.Array
    """1 - accuracy of the pruned deterministic network."""
    costs: memory.Costs
    status: jax.Array
    """int32 code of `sparse_jax.status`."""


def prune(
    state: TrainState, candidate: Candidate, *, procedure: Procedure,
    offset: jax.Array | None = None,
) -> tuple[Live, dict]:
    """Trained state -> (living weights, folded params of the pruned network).

    `offset` replaces the candidate's shift of the log alpha cut.
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


def error_rate(
    folded: dict, candidate: Candidate, data: TrainData, *, skeleton: Skeleton,
    chunk: int = AT_ONCE, how: str = 'patches',
) -> jax.Array:
    """Share of `data` that the pruned network gets wrong, in chunks of images.

    Raises:
      ValueError: `data` has no images.
      AssertionError: images or labels of another shape.
    """
    num = data.count()
    chunk = min(chunk, num)
    padded = -(-num // chunk) * chunk
    rows = jnp.arange(padded).reshape(-1, chunk)
    images = network.prepare_images(skeleton, data.images)
    labels = jnp.asarray(data.labels)

    def wrong(rows):
        inside = jnp.minimum(rows, num - 1)
        x = jnp.moveaxis(images[inside], 0, -1)
        logits = deploy.predict(skeleton, folded, candidate, x, how=how)
        mistake = logits.argmax(0) != labels[inside]
        return (mistake & (rows < num)).sum()

    return jax.lax.map(wrong, rows).sum() / num


def measure(
    state: TrainState, candidate: Candidate, validation: TrainData, pruned: Live,
    folded: dict, *, procedure: Procedure,
) -> Measurement:
    """Measure what `prune` left of a trained state on validation data."""
    error, costs, empty = _left(
        candidate, validation, pruned, folded, procedure=procedure)
    return Measurement(error, costs, verdict(state, empty))


def verdict(state: TrainState, empty: jax.Array) -> jax.Array:
    """int32 code of `sparse_jax.status` of a training and what pruning left of it."""
    code = jnp.where(diverged(state), status.NONFINITE,
                     jnp.where(empty, status.EMPTY, status.OK))
    return code.astype(jnp.int32)


def threshold_curve(
    state: TrainState, candidate: Candidate, validation: TrainData,
    offsets: jax.Array, *, procedure: Procedure,
) -> Curve:
    """What one training leaves at every shift [cuts] of the log alpha cut.

    All cuts in one pass, over fewer images at a time: they share one piece of compiled
    code and take the memory of one.
    """
    offsets = jnp.asarray(offsets, jnp.float32)
    chunk = max(1, AT_ONCE // max(1, len(offsets)))

    def at(offset):
        pruned, folded = prune(
            state, candidate, procedure=procedure, offset=offset)
        return Curve(
            *_left(candidate, validation, pruned, folded, procedure=procedure,
                   chunk=chunk), folded, pruned.units)

    return jax.vmap(at)(offsets)


def _left(candidate, validation, pruned, folded, *, procedure, chunk=AT_ONCE):
    """(error, costs, whether it is empty) of a pruned network."""
    skeleton = procedure.skeleton
    error = error_rate(folded, candidate, validation, skeleton=skeleton, chunk=chunk,
                       how=procedure.conv)
    costs = memory.total(memory.layer_costs(skeleton, candidate, pruned))
    last = skeleton.graph.nodes[-1].name
    return error, costs, ~pruned.kernel[last].any()
