"""Weights at their true sizes: what is stored, and what a child inherits.

A padded tree belongs to one skeleton; an exact tree belongs to a network. `extract`
cuts one out of the other and `embed` lays a parent's exact weights into a child's
padded arrays, so stored weights do not depend on the tier policy.
"""

import math

import jax
import numpy as np

from sparse_jax.model.layers import NORM_EPSILON
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.space.architecture import Graph, Node

NORM = '-norm'


def extract(skeleton: Skeleton, exact: Graph, tree: dict) -> dict:
    """Padded host tree {node: {variable: array}} -> the same at true sizes."""
    return _map_leaves(
        lambda node, variable, leaf: _cut(
            node, variable, leaf, exact, skeleton.graph), tree, exact)


def embed(
    skeleton: Skeleton, child: Graph, parent: Graph, tree: dict, padded: dict, *,
    preserve: bool = False,
) -> tuple[dict, dict]:
    """A parent's exact tree in the padded shape of a child.

    Layers are matched by name; of a layer whose shape changed, the overlapping slice
    is copied (dense inputs overlap by channel, row and column of their source).

    Args:
      skeleton: the child's padded skeleton.
      child, parent: exact graphs.
      tree: the parent's exact weights.
      padded: tree of the child's padded shapes (arrays or `ShapeDtypeStruct`s).
      preserve: keep the parent's function where shapes allow (for weight means): an
        inherited unit ignores new inputs and new taps, and a convolution that the
        parent lacks starts as the identity (in training its batch norm still
        normalises). Exact unless a larger VALID window or an added layer removes
        pixels that were read, or an added layer has fewer maps than it reads, as the
        first half of a DownsampledConv2D.

    Returns:
      (values, mask): trees of `padded`'s shapes; mask is True where inherited.
    """
    values = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), padded)
    mask = jax.tree.map(lambda leaf: np.zeros(leaf.shape, bool), padded)
    ours, theirs = _nodes(child), _nodes(parent)
    wide = _nodes(skeleton.graph)
    for name, leaves in padded.items():
        node = name.removesuffix(NORM)
        if node not in theirs and preserve:
            _start_as_identity(values[name], mask[name], ours[node], child)
        if node not in theirs or name not in tree or ours[node].op != theirs[node].op:
            continue
        for variable in leaves:
            source = tree[name].get(variable)
            if source is None:
                continue
            target = (values[name][variable], mask[name][variable])
            if preserve and variable == 'kernel':
                shared = min(ours[node].channels, theirs[node].channels)
                target[1][:shared] = True
            if ours[node].op == 'dense' and _per_input(variable, source):
                _copy_dense(target, source, (wide[node], ours[node], theirs[node]),
                            (skeleton.graph, child, parent))
            else:
                limit = _true_shape(ours[node], child, source)
                _copy_overlap(target, source, limit)
    return values, mask


def _start_as_identity(values, mask, node, child):
    """Let the first maps of a new convolution pass their input on."""
    if node.op == 'dense':
        return
    if 'scale' in values:
        # With the running moments of a fresh norm, 0 and 1.
        values['scale'][: node.channels] = math.sqrt(1.0 + NORM_EPSILON)
        mask['scale'][: node.channels] = True
        return
    kernel = values['kernel']
    if node.op == 'depthwise':
        kernel[: node.channels, 0, 0] = 1.0
        mask['kernel'][: node.channels] = True
        return
    shared = min(node.channels, child.shapes()[node.inputs[0]][0])
    kernel[np.arange(shared), np.arange(shared), 0, 0] = 1.0
    mask['kernel'][:shared] = True


def overlap(child: Graph, parent: Graph) -> float:
    """Share of the child's weights that `embed` would copy from the parent, 0 to 1."""
    if (child.downsample, child.squeeze_depth) != (
            parent.downsample, parent.squeeze_depth):
        return 0.0
    theirs, shapes = _nodes(parent), (child.shapes(), parent.shapes())
    copied, total = 0, 0
    for node in child.weighted_nodes:
        own = _volume(node, shapes[0], node, shapes[0])
        total += own
        if node.name in theirs and theirs[node.name].op == node.op:
            copied += _volume(node, shapes[0], theirs[node.name], shapes[1])
    return copied / total


def _volume(node, shapes, other, other_shapes):
    """Number of kernel elements that two nodes of one kind have in common."""
    shared = min(node.channels, other.channels)
    if node.op != 'dense':
        taps = min(node.kernel, other.kernel) ** 2
        maps = 1 if node.op == 'depthwise' else min(
            shapes[node.inputs[0]][0], other_shapes[other.inputs[0]][0])
        return shared * taps * maps
    pairs = _matching_inputs(node, other)
    return shared * sum(
        math.prod(min(a, b) for a, b in zip(shapes[mine], other_shapes[its]))
        for mine, its in pairs if len(shapes[mine]) == len(other_shapes[its]))


def _matching_inputs(ours, theirs):
    """Pairs of tensors with the same role: the trunk's end, or the same name."""
    role = lambda name: 'trunk' if name.startswith('block-') else name
    found = {role(name): name for name in theirs.inputs}
    return [(name, found[role(name)]) for name in ours.inputs if role(name) in found]


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
    for name, their_name in _matching_inputs(ours, theirs):
        sizes = shapes[1][name], shapes[2][their_name]
        if len(sizes[0]) != len(sizes[1]):
            continue
        window = (slice(None), *(slice(0, min(a, b)) for a, b in zip(*sizes)))
        block = _block(source, starts[1][their_name], sizes[1])[:units]
        for array, content in ((values, block[window]), (mask, True)):
            view = _block(array, starts[0][name], shapes[0][name])[:units]
            view[window] = content


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
