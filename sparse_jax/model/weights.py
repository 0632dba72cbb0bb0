"""Weights at their true sizes: what is stored, and what a child inherits.

A padded tree belongs to one skeleton; an exact tree belongs to a network. `extract`
cuts one out of the other and `embed` lays a parent's exact weights into a child's
padded arrays, so stored weights do not depend on the tier policy.
"""

import math

import jax
import numpy as np

from sparse_jax.model.skeleton import Skeleton
from sparse_jax.space.architecture import Graph, Node

NORM = '-norm'


def extract(skeleton: Skeleton, exact: Graph, tree: dict) -> dict:
    """Padded host tree {node: {variable: array}} -> the same at true sizes."""
    return _map_leaves(
        lambda node, variable, leaf: _cut(
            node, variable, leaf, exact, skeleton.graph), tree, exact)


def embed(
    skeleton: Skeleton, child: Graph, parent: Graph, tree: dict, padded: dict
) -> tuple[dict, dict]:
    """A parent's exact tree in the padded shape of a child.

    Layers are matched by name; of a layer whose shape changed, the overlapping slice
    is copied (dense inputs overlap by channel, row and column of their source).

    Args:
      skeleton: the child's padded skeleton.
      child, parent: exact graphs.
      tree: the parent's exact weights.
      padded: tree of the child's padded shapes (arrays or `ShapeDtypeStruct`s).

    Returns:
      (values, mask): trees of `padded`'s shapes; mask is True where inherited.
    """
    values = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), padded)
    mask = jax.tree.map(lambda leaf: np.zeros(leaf.shape, bool), padded)
    ours, theirs = _nodes(child), _nodes(parent)
    wide = _nodes(skeleton.graph)
    for name, leaves in padded.items():
        node = name.removesuffix(NORM)
        if node not in theirs or name not in tree:
            continue
        if ours[node].op != theirs[node].op:
            continue
        for variable in leaves:
            source = tree[name].get(variable)
            if source is None:
                continue
            target = (values[name][variable], mask[name][variable])
            if ours[node].op == 'dense' and _per_input(variable, source):
                _copy_dense(target, source, (wide[node], ours[node], theirs[node]),
                            (skeleton.graph, child, parent))
            else:
                limit = _true_shape(ours[node], child, source)
                _copy_overlap(target, source, limit)
    return values, mask


def _copy_overlap(target, source, limit):
    window = tuple(slice(0, min(a, b)) for a, b in zip(source.shape, limit))
    values, mask = target
    values[window] = source[window]
    mask[window] = True


def _copy_dense(target, source, nodes, graphs):
    """Copy [U, F] or [F] source by source, overlapping channels, rows and columns."""
    wide, ours, theirs = nodes
    shapes = [graph.shapes() for graph in graphs]
    units = min(ours.channels, theirs.channels) if source.ndim == 2 else 1
    lead = 2 - source.ndim
    values, mask = (t.reshape((1,) * lead + t.shape) for t in target)
    source = source.reshape((1,) * lead + source.shape)
    starts = [_starts(node, shape) for node, shape in zip((wide, theirs),
                                                          (shapes[0], shapes[2]))]
    for name in ours.inputs:
        if name not in theirs.inputs:
            continue
        overlap = tuple(slice(0, min(a, b)) for a, b in
                        zip(shapes[1][name], shapes[2][name]))
        block = _block(source, starts[1][name], shapes[2][name])[:units]
        for array, content in ((values, block[(slice(None), *overlap)]), (mask, True)):
            view = _block(array, starts[0][name], shapes[0][name])[:units]
            view[(slice(None), *overlap)] = content


def _block(array, start, shape):
    """View of the columns of one source as [rows, *shape]."""
    length = math.prod(shape)
    return array[:, start:start + length].reshape(array.shape[0], *shape)


def _starts(node, shapes):
    starts, position = {}, 0
    for name in node.inputs:
        starts[name] = position
        position += math.prod(shapes[name])
    return starts


def _cut(node, variable, leaf, exact, wide):
    """One padded array -> its true part."""
    ours, theirs = _nodes(exact)[node], _nodes(wide)[node]
    if ours.op == 'dense' and _per_input(variable, leaf):
        lead = leaf.reshape((1,) * (2 - leaf.ndim) + leaf.shape)
        shapes, starts = (exact.shapes(), wide.shapes()), _starts(theirs, wide.shapes())
        parts = []
        for name in ours.inputs:
            window = tuple(slice(0, n) for n in shapes[0][name])
            block = _block(lead, starts[name], shapes[1][name])
            parts.append(block[(slice(None), *window)].reshape(len(lead), -1))
        whole = np.concatenate(parts, axis=1)
        return whole[: ours.channels] if leaf.ndim == 2 else whole[0]
    limit = _true_shape(ours, exact, leaf)
    return leaf[tuple(slice(0, n) for n in limit)]


def _per_input(variable, leaf):
    """Whether the last axis of a dense node's variable runs over its inputs."""
    return leaf.ndim == 2 or variable.startswith('group_')


def _true_shape(node: Node, graph: Graph, leaf):
    if leaf.ndim == 1:
        return (node.channels,)
    taps = (node.kernel, node.kernel)
    if leaf.ndim == 3:
        return (node.channels, *taps)
    return (node.channels, graph.shapes()[node.inputs[0]][0], *taps)


def _nodes(graph):
    return {node.name: node for node in graph.nodes}


def _map_leaves(function, tree, exact):
    known = _nodes(exact)
    return {name: {variable: np.ascontiguousarray(
        function(name.removesuffix(NORM), variable, np.asarray(leaf)))
        for variable, leaf in leaves.items()}
        for name, leaves in tree.items() if name.removesuffix(NORM) in known}
