"""Short training of a pruned network with its mask held."""

import dataclasses

import jax
import jax.numpy as jnp

from sparse_jax.model.connectivity import Live
from sparse_jax.model.deploy import without_norm
from sparse_jax.model.skeleton import Candidate
from sparse_jax.pruning.reference import no_pruning
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import init_state
from sparse_jax.training.train import TrainData, train


def finetune(
    key: jax.Array, folded: dict, pruned: Live, candidate: Candidate, data: TrainData,
    order_key: jax.Array, epochs: int, *, procedure: Procedure,
) -> dict:
    """Folded params of a pruned network -> the same, trained for `epochs`.

    Deterministic and without penalty, from a tenth of the candidate's rate linearly
    to zero; removed weights and the biases of dead units stay zero, so that sizes and
    memory do not change. A run that diverges gives the params back as they were.
    """
    plain = dataclasses.replace(
        procedure, skeleton=without_norm(procedure.skeleton), method=no_pruning(),
        target=None,
        config=dataclasses.replace(procedure.config, epochs=epochs, decay=1.0,
                                   schedule='linear', warmup=0.0))
    masks = {name: {'kernel': mask, 'bias': pruned.units[name]}
             for name, mask in pruned.kernel.items()}
    slow = candidate._replace(learning_rate=0.1 * candidate.learning_rate)
    state, _ = train(
        key, init_state(folded, {}, {}, plain.config, masks), slow, data, order_key,
        procedure=plain, valid=masks)
    tuned = jax.tree.map(
        lambda leaf, mask: jnp.where(mask, leaf, 0.0), state.params,
        {name: {part: masks[name][part] for part in leaf}
         for name, leaf in folded.items()})
    fine = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tuned)])
    return jax.tree.map(lambda new, old: jnp.where(fine.all(), new, old), tuned, folded)
