"""One output unit for two classes: the difference of the classifier's two rows.

The class is 1 where logit 1 - logit 0 > 0, and 0 otherwise, as the first of two equal
logits is taken. The rows are those after pruning: a weight of the difference is there
if either row keeps it.
"""

from collections.abc import Mapping

import numpy as np

from sparse_jax.model.connectivity import Live
from sparse_jax.ops.arrays import library_of
from sparse_jax.space.architecture import Graph
from sparse_jax.types import Array


def fold_live(graph: Graph, pruned: Live) -> Live:
    """What is kept, with the classifier's one unit in the place of the first of
    two; as it is if the graph does not fold.

    Args:
      graph: of a skeleton.
      pruned: of a candidate of that skeleton.
    """
    if not graph.folds:
        return pruned
    name = graph.nodes[-1].name
    kernel = pruned.kernel[name]
    first = library_of(kernel).arange(len(kernel)) == 0
    either = kernel.any(0) & first.reshape((-1,) + (1,) * (kernel.ndim - 1))
    return Live(pruned.kernel | {name: either}, pruned.units | {name: first})


def fold_arrays(
    graph: Graph, folded: Mapping[str, Mapping[str, Array]],
    units: Mapping[str, Array],
) -> tuple[Graph, Mapping[str, Mapping[str, Array]], Mapping[str, Array]]:
    """The arguments of `shrink`, of a network with one output unit if the graph folds.

    The differences are float64, in which those of float32 values are exact.
    """
    if not graph.folds:
        return graph, folded, units
    name = graph.nodes[-1].name
    leaf = {part: np.diff(np.asarray(value, np.float64), axis=0)
            for part, value in folded[name].items()}
    return graph.counted, {**folded, name: leaf}, {**units, name: np.ones(1, bool)}
