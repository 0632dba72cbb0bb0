"""The paper's analytic costs, as plain JSON beside the linked bytes.

The counting is that of `objectives.compact_costs`: model size is the non-zero weights
and all biases at one byte each; working memory is model (6), the largest |x| + |y| over
layers, adds and average pools, x after input down-sampling and before any gather, y
before the pool.
"""

import dataclasses

from sparse_jax.model.compact import CompactNet
from sparse_jax.objectives import compact_costs


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """Bytes of one layer, add or average pool."""

    name: str
    weights: int
    biases: int
    x: int
    y: int


@dataclasses.dataclass(frozen=True)
class AnalyticCost:
    """`model_size` and `working_memory` in bytes, and the layers they come from."""

    model_size: int
    working_memory: int
    working_memory_layer: str
    layers: tuple[LayerCost, ...]


def analytic_cost(net: CompactNet) -> AnalyticCost:
    """Model size and working memory of a network."""
    layers = tuple(LayerCost(row.name, row.weights, row.biases, row.inputs, row.outputs)
                   for row in compact_costs.layer_rows(net))
    peak = max(layers, key=lambda layer: layer.x + layer.y)
    return AnalyticCost(sum(layer.weights + layer.biases for layer in layers),
                        peak.x + peak.y, peak.name, layers)
