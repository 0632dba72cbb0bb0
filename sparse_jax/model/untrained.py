"""A network nobody has trained: to measure or to try something on."""

import numpy as np

from sparse_jax import ops
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.shrink import shrink
from sparse_jax.space.architecture import Graph


def untrained(graph: Graph, *, mean: float, std: float) -> CompactNet:
    """An exact feasible graph with random weights, all of which are kept.

    Args:
      graph: any; the weights are the same whenever it is asked for.
      mean, std: the input normalisation of the data.
    """
    shapes, generator = graph.shapes(), np.random.default_rng(0)
    draw = lambda *shape: generator.normal(size=shape).astype(np.float32)
    folded = {node.name: {
        'kernel': draw(*ops.weights(node).shape(node, shapes)),
        **({'bias': draw(node.channels)} if node.biased else {})}
        for node in graph.weighted_nodes}
    units = {name: np.ones(shape[0], bool) for name, shape in shapes.items()}
    return shrink(graph, folded, units, mean=mean, std=std)
