"""A graph taken through one step of training, pruning and shrinking."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.model import (
    compact,
    connectivity,
    deploy,
    network,
    shrink,
    sizes,
    weights,
)
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.skeleton import candidate_of, pad
from sparse_jax.objectives import compact_costs, memory
from sparse_jax.pruning import sparse_vd
from sparse_jax.space.architecture import Graph
from sparse_jax.training import Procedure, TrainConfig, TrainData, initialise, train
from tests import sampled

POINT = {
    'log-alpha-offset': 0.0, 'alpha': 0.1, 'pretraining': False,
    'zero-regularization-epochs': 10, 'annealing-epochs': 20, 'learning-rate': 0.01}
"""Settings of a training, where no table gives them."""
MEAN, STD, IMAGES = 100.0, 50.0, 8


def check(graph: Graph, point: dict | None = None, *, density: float = 0.6
          ) -> CompactNet:
    """One step of training, random pruning: the shrunk network computes and costs what
    the masked one does. Returns the shrunk network."""
    rng = np.random.default_rng(0)
    skeleton = pad(graph, sampled.RANGES)
    candidate = candidate_of(graph, point or POINT)
    procedure = Procedure(skeleton, sparse_vd(), TrainConfig(1, IMAGES))
    images = rng.integers(0, 256, (IMAGES, *graph.input_shape)).astype(np.uint8)
    data = TrainData(jnp.asarray((images - MEAN) / STD, jnp.float32),
                     jnp.asarray(np.arange(IMAGES) % graph.num_classes, jnp.int32))
    shapes = jax.eval_shape(lambda: sizes.valid_weights(skeleton, candidate))
    masks = {name: rng.random(leaf['kernel'].shape) < density
             for name, leaf in shapes.items()}

    def run(key):
        first = initialise(key, candidate, procedure=procedure)
        state, info = train(key, first, candidate, data, key, procedure=procedure)
        valid = sizes.valid_weights(skeleton, candidate)
        kept = {name: masks[name] & leaf['kernel'] for name, leaf in valid.items()}
        pruned = connectivity.live(skeleton, candidate, kept)
        folded = deploy.fold_and_mask(skeleton, state.params, state.stats, pruned)
        x = network.prepare_images(skeleton, data.images)
        logits = deploy.predict(skeleton, folded, candidate, jnp.moveaxis(x, 0, -1))
        costs = memory.layer_costs(skeleton, candidate, pruned)
        return (info.loss, first.params, state.params), folded, pruned.units, logits, (
            costs)

    trained, folded, units, logits, costs = jax.device_get(
        sampled.quick_jit(run)(jax.random.key(0)))
    loss, before, after = trained
    assert np.isfinite(loss).all()
    for node in graph.weighted_nodes:
        assert (before[node.name]['kernel'] != after[node.name]['kernel']).any()
    exact = weights.extract(skeleton, graph, folded)
    alive = {name: u[:graph.shapes()[name][0]] for name, u in units.items()}
    net = shrink.shrink(graph, exact, alive, mean=MEAN, std=STD)
    ours, scale = compact.logits(net, images), np.abs(logits).max()
    # Of two classes the difference is left.
    theirs = np.diff(logits.T) if graph.folds else logits.T
    np.testing.assert_allclose(ours / scale, theirs / scale, atol=2e-5)
    assert np.ptp(ours, axis=0).max() > 1e-3 * scale
    assert list(compact_costs.costs(net)) == [int(v) for v in memory.total(costs)]
    return net
