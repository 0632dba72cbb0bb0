"""Cut a pruned network to its exact shape: dead maps, units and inputs are removed.

Host NumPy. The result computes what the masked network computes: `compact.logits`
equals the masked logits up to rounding, and its counts equal the masked counts.
"""

import math

import numpy as np

from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.space.architecture import Graph


def shrink(
    graph: Graph, folded: dict, units: dict, *, mean: float, std: float,
    gather: bool = True,
) -> CompactNet:
    """Exact graph, folded exact weights and living units -> compact network.

    Args:
      graph: the exact graph before pruning.
      folded: {node: {'kernel', 'bias'?}} exact arrays, zero where pruned.
      units: {tensor: [C] bool} living channels or units, exact.
      mean, std: the input normalisation of the data.
      gather: also drop inputs of dense layers that no kept weight reads.
    """
    shapes = graph.shapes()
    alive = {name: np.asarray(u, bool) for name, u in units.items()}
    nodes = []
    for node in graph.nodes:
        if node.op == 'sum':
            nodes += _sum_node(node, alive)
        elif alive[node.name].any():
            nodes += _weighted_node(node, folded[node.name], alive, shapes, gather)
    return CompactNet(
        tuple(graph.input_shape), graph.downsample, graph.squeeze_depth,
        float(mean), float(std), tuple(nodes))


def _weighted_node(node, leaf, alive, shapes, gather):
    out = alive[node.name]
    kernel = np.asarray(leaf['kernel'])[out]
    bias = np.asarray(leaf['bias'])[out] if 'bias' in leaf else None
    common = dict(bias=bias, relu=node.relu)
    if node.op == 'dense':
        return _dense_nodes(node, kernel, common, alive, shapes, gather)
    if node.op == 'conv':
        kernel = kernel[:, alive[node.inputs[0]]]
    return [CompactNode(node.name, node.op, node.inputs, kernel, pool=node.pool,
                        **common)]


def _dense_nodes(node, kernel, common, alive, shapes, gather):
    """One dense node, after a concatenation if it reads several tensors."""
    columns = np.concatenate([_living_elements(t, alive, shapes) for t in node.inputs])
    kernel = kernel[:, columns]
    sources = tuple(t for t in node.inputs if alive[t].any())
    before = []
    if len(sources) > 1:
        joined = f'{node.name}-input'
        before = [CompactNode(joined, 'concatenate', sources)]
        sources = (joined,)
    read = np.flatnonzero((kernel != 0).any(axis=0))
    picked = None
    if not sources or (gather and len(read) < kernel.shape[1]):
        kernel, picked = kernel[:, read], read
    # A classifier that no path reaches reads nothing of the image: its biases remain.
    return before + [CompactNode(
        node.name, 'dense', sources or ('input',), kernel, gather=picked, **common)]


def _sum_node(node, alive):
    """A merge by addition; a branch that died entirely is left out."""
    sources = tuple(t for t in node.inputs if alive[t].any())
    if not alive[node.name].any():
        return []
    return [CompactNode(node.name, 'sum', sources)]


def _living_elements(name, alive, shapes):
    shape = shapes[name]
    if len(shape) == 1:
        return alive[name]
    return np.repeat(alive[name], math.prod(shape[1:]))
