"""The weights of one network, cut out of those of the relaxed one."""

import math

import numpy as np

from sparse_jax import ops
from sparse_jax.differentiable.discretise import Network
from sparse_jax.differentiable.linear import Linear
from sparse_jax.differentiable.template import Template, type_of
from sparse_jax.ops.operation import Shape, Shapes


def exact_weights(
    params: tuple[Linear, ...], network: Network, template: Template
) -> dict[str, dict[str, np.ndarray]] | None:
    """{node: {'kernel', 'bias'?}} of a network, as trainings have them, and
    {node-norm: {'scale', 'shift'}} where a layer has batch norm. None where the table
    has made another network of the decisions, with layers, maps or
    branches that they lack.

    Args:
      params: of one search.
      network: what `discretise` made of its decisions.
      template: the family.
    """
    shapes, found = network.graph.shapes(), {}
    layers = [
        *((params[at], part) for at, (i, kind) in enumerate(template.operations)
          if network.choice.exists[i] and kind == type_of(network.choice, i, template)
          for part in ('taps', 'reduce', 'kernel')
          if getattr(params[at], part) is not None),
        *((layer, 'kernel') for layer in params[len(template.operations):])]
    nodes = network.graph.weighted_nodes
    summed = len(network.graph.layers) < len(network.graph.nodes)
    if len(nodes) != len(layers) or summed != (template.merge == 'Sum'):
        return None
    for node, (layer, part) in zip(nodes, layers):
        shape = ops.weights(node).shape(node, shapes)
        whole = np.asarray(getattr(layer, part))
        if len(shape) == 4 and whole.ndim == 2:
            whole = whole[:, :, None, None]
        if len(shape) == 2:
            whole = _flat(whole, node, shapes, template)
        leaf = {'kernel': whole[tuple(slice(n) for n in shape)]}
        if leaf['kernel'].shape != shape:
            return None
        own = {name: np.asarray(values)[:node.channels] for name, values in (
            ('bias', layer.bias), ('scale', layer.scale)) if values is not None}
        if node.batch_norm:
            found[f'{node.name}-norm'] = {'scale': own['scale'], 'shift': own['bias']}
        elif node.biased:
            leaf['bias'] = own['bias']
        found[node.name] = leaf
    return found


def _flat(
    kernel: np.ndarray, node: ops.Node, shapes: Shapes, template: Template
) -> np.ndarray:
    """[O, inputs] of the network's own inputs, in (map, row, column) order."""
    reads = [shapes[name] for name in node.inputs]
    vectors, pixels = sum(len(read) == 1 for read in reads), math.prod(template.canvas)
    units = template.units[-1]
    # What is a feature map in the network has all of its maps and pixels here.
    maps = (kernel.shape[1] - vectors * units) // pixels
    cut, start = [], 0
    for read in reads:
        whole: Shape = (units,) if len(read) == 1 else (maps, *template.canvas)
        part = kernel[:, start:start + math.prod(whole)].reshape(len(kernel), *whole)
        start += math.prod(whole)
        part = part[(slice(None), *(slice(n) for n in read))]
        cut.append(part.reshape(len(kernel), -1))
    return np.concatenate(cut, axis=1)
