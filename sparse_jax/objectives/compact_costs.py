"""Costs of a pruned, shrunk network, as Python integers.

The same counting rules as `objectives.memory` (SpArSe eqs. 4-6), read off the arrays
that are really there. Layers that pruning removed have no row.
"""

import math

import numpy as np

from sparse_jax import ops
from sparse_jax.model.compact import CompactNet
from sparse_jax.objectives.alive import Step, counted_image, most_alive
from sparse_jax.objectives.graph_costs import LayerRow, Totals, totals


def layer_rows(net: CompactNet) -> list[LayerRow]:
    """Rows of the layers; zeros in a weight array are not counted."""
    shapes = net.tensor_shapes()
    read = {'input': math.prod(shapes['input'])}
    rows, steps = [], []
    for node in net.nodes:
        inputs = sum(read[t] for t in node.inputs)
        if not ops.find(node.op).costs.layer:
            # Whoever reads a merge holds all that is merged.
            read[node.name] = inputs
            steps.append(Step(node.name, node.inputs))
            continue
        read[node.name] = math.prod(shapes[node.name])
        out = net.output_shape(node, shapes)
        weights = 0 if node.weight is None else int(np.count_nonzero(node.weight))
        biases = 0 if node.bias is None else len(node.bias)
        rows.append(LayerRow(
            node.name, node.op, tuple(shapes[t] for t in node.inputs), out, weights,
            biases, inputs, math.prod(out), weights * math.prod(out[1:])))
        steps.append(Step(node.name, node.inputs, out[0], math.prod(out),
                          read[node.name], node.pool > 1))
    most = most_alive(steps, counted_image(net, read['input']))
    return [row._replace(alive=int(alive)) for row, alive in zip(rows, most)]


def costs(net: CompactNet) -> Totals:
    """The paper's three numbers, the MACs, and what is alive at once."""
    return totals(layer_rows(net))
