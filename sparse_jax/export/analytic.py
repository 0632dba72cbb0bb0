"""The paper's analytic costs of a compact network, in bytes at one byte a value.

Model size is ||w||_0, biases included. Working memory is model (6) of the paper: the
largest |x| + |y| over layers with weights, x after input down-sampling and before any
gather, y before pooling.
"""

import dataclasses

import numpy as np

from sparse_jax.model.compact import CompactNet


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """Bytes of one weighted layer."""

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
    shapes, layers = net.tensor_shapes(), []
    for node in net.nodes:
        if node.weight is None:
            continue
        biases = 0 if node.bias is None else int(np.count_nonzero(node.bias))
        layers.append(LayerCost(
            node.name, int(np.count_nonzero(node.weight)), biases,
            int(np.prod(shapes[node.inputs[0]])),
            int(np.prod(net.output_shape(node, shapes)))))
    peak = max(layers, key=lambda layer: layer.x + layer.y)
    return AnalyticCost(sum(x.weights + x.biases for x in layers), peak.x + peak.y,
                        peak.name, tuple(layers))
