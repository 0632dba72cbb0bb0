"""Cut a pruned network to its exact shape: dead maps, units and inputs are removed.

Host NumPy. The result computes what the masked network computes: `compact.logits`
equals the masked logits up to rounding, and its counts equal the masked counts. A
classifier of two classes becomes one unit where the graph says so (`Graph.folds`).
"""

from collections.abc import Mapping

import numpy as np

from sparse_jax import ops
from sparse_jax.model import fold
from sparse_jax.model.compact import CompactNet
from sparse_jax.space.architecture import Graph
from sparse_jax.types import Array


def shrink(
    graph: Graph, folded: Mapping[str, Mapping[str, Array]],
    units: Mapping[str, Array], *, mean: float, std: float, gather: bool = True,
) -> CompactNet:
    """Exact graph, folded exact weights and living units -> compact network.

    Args:
      graph: the exact graph before pruning.
      folded: {node: {'kernel', 'bias'?}} exact arrays, zero where pruned.
      units: {tensor: [C] bool} living channels or units, exact.
      mean, std: the input normalisation of the data.
      gather: also drop inputs of dense layers that no kept weight reads.
    """
    graph, folded, units = fold.fold_arrays(graph, folded, units)
    shapes = graph.shapes()
    alive = {name: np.asarray(u, bool) for name, u in units.items()}
    nodes = []
    for node in graph.nodes:
        if alive[node.name].any():
            leaf = {k: np.asarray(v) for k, v in folded.get(node.name, {}).items()}
            nodes += ops.find(node.op).pruned.shrink(node, leaf, alive, shapes, gather)
    return CompactNet(
        graph.input_shape, graph.downsample, graph.squeeze_depth,
        float(mean), float(std), tuple(nodes), graph.downsample_type)
