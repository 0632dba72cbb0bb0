"""Validation error and memory of one trained candidate, after pruning."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax import status
from sparse_jax.model import deploy, network, sizes
from sparse_jax.model.connectivity import Live, live
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.objectives import memory
from sparse_jax.pruning.method import PruningMethod, keep
from sparse_jax.training.step import TrainState
from sparse_jax.training.train import TrainData, diverged


class Curve(NamedTuple):
    """One training, pruned at several cuts; [cuts] each."""

    error: jax.Array
    costs: memory.Costs
    empty: jax.Array
    """bool: nothing is left of the network."""
    folded: dict | None = None
    """Params of the pruned networks, if they were asked for."""
    units: dict | None = None
    """{tensor: [cuts, C] bool} units that remain, likewise."""


class Measurement(NamedTuple):
    """What the search stores of one candidate; scalars."""

    error: jax.Array
    """1 - accuracy of the pruned deterministic network."""
    costs: memory.Costs
    unpruned: memory.Costs
    status: jax.Array
    """int32 code of `sparse_jax.status`."""


def prune(
    state: TrainState, candidate: Candidate, *, skeleton: Skeleton,
    method: PruningMethod, offset: jax.Array | None = None,
) -> tuple[Live, dict]:
    """Trained state -> (living weights, folded params of the pruned network).

    `offset` replaces the candidate's shift of the log alpha cut.
    """
    valid = sizes.valid_weights(skeleton, candidate)
    thresholds = {node.name: candidate.threshold[i]
                  for i, node in enumerate(skeleton.graph.nodes)}
    offset = candidate.log_alpha_offset if offset is None else offset
    kept = keep(method, state.params, state.aux, valid,
                offset=offset, thresholds=thresholds)
    pruned = live(skeleton, candidate, kept)
    means = method.mean(state.params, state.aux)
    return pruned, deploy.fold_and_mask(skeleton, means, state.stats, pruned)


def unpruned_costs(skeleton: Skeleton, candidate: Candidate) -> memory.Costs:
    """Costs of the network before pruning."""
    valid = sizes.valid_weights(skeleton, candidate)
    everything = {name: leaf['kernel'] for name, leaf in valid.items()}
    whole = live(skeleton, candidate, everything)
    return memory.total(memory.layer_costs(skeleton, candidate, whole))


def error_rate(
    folded: dict, candidate: Candidate, data: TrainData, *, skeleton: Skeleton,
    chunk: int = 512, how: str = 'patches',
) -> jax.Array:
    """Share of `data` that the pruned network gets wrong, in chunks of images."""
    num = data.labels.shape[0]
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
    folded: dict, *, skeleton: Skeleton, how: str = 'patches',
) -> Measurement:
    """Measure what `prune` left of a trained state on validation data."""
    error = error_rate(folded, candidate, validation, skeleton=skeleton, how=how)
    costs = memory.total(memory.layer_costs(skeleton, candidate, pruned))
    last = skeleton.graph.nodes[-1].name
    empty = ~pruned.kernel[last].any()
    code = jnp.where(diverged(state), status.NONFINITE,
                     jnp.where(empty, status.EMPTY, status.OK))
    return Measurement(
        error, costs, unpruned_costs(skeleton, candidate), code.astype(jnp.int32))


def threshold_curve(
    state: TrainState, candidate: Candidate, validation: TrainData,
    offsets: tuple[float, ...], *, skeleton: Skeleton, method: PruningMethod,
    how: str = 'patches', networks: bool = False,
) -> Curve:
    """Error and costs of one training at every shift of the log alpha cut.

    One cut after another: a batch of candidates holds its images once, not once per
    cut. With `networks` also what each cut leaves, for measurements on the host.
    """
    def at(offset):
        pruned, folded = prune(
            state, candidate, skeleton=skeleton, method=method, offset=offset)
        costs = memory.total(memory.layer_costs(skeleton, candidate, pruned))
        error = error_rate(
            folded, candidate, validation, skeleton=skeleton, how=how)
        last = skeleton.graph.nodes[-1].name
        curve = Curve(error, costs, ~pruned.kernel[last].any())
        if networks:
            return curve._replace(folded=folded, units=pruned.units)
        return curve

    return jax.lax.map(at, jnp.asarray(offsets, jnp.float32))
