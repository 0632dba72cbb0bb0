"""Weights at their true sizes: what is stored, and what a child inherits.

A padded tree belongs to one skeleton; an exact tree belongs to a network. `extract`
cuts one out of the other and `embed` lays a parent's exact weights into a child's
padded arrays, so stored weights do not depend on the tier policy.
"""

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from sparse_jax import ops
from sparse_jax.model.layers import NORM_EPSILON
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.ops.operation import Shape, Shapes
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.types import Params

NORM = '-norm'
HostTree = dict[str, dict[str, np.ndarray]]


def extract(skeleton: Skeleton, exact: Graph, tree: Params) -> HostTree:
    """Padded host tree {node: {variable: array}} -> the same at true sizes."""
    ours, wide = _Sized(exact), _Sized(skeleton.graph)
    cut = lambda name, variable, leaf: np.asarray(
        _cut(variable, np.asarray(leaf), ours.of(name), wide.of(name)), order='C')
    return {name: {variable: cut(name, variable, leaf)
                   for variable, leaf in leaves.items()}
            for name, leaves in tree.items() if name.removesuffix(NORM) in ours.nodes}


def widen(skeleton: Skeleton, exact: Graph, tree: Params) -> HostTree:
    """An exact tree in the padded shapes of its skeleton: the inverse of `extract`.

    Args:
      skeleton: of the graph.
      exact: the graph at its true sizes.
      tree: {node: {variable: array}} at true sizes.

    Returns:
      The same, zero where the network has no weight.
    """
    ours, wide = _Sized(exact), _Sized(skeleton.graph)
    return {name: {variable: _widened(variable, np.asarray(leaf), ours.of(name),
                                      wide.of(name))
                   for variable, leaf in leaves.items()}
            for name, leaves in tree.items()}


def embed(
    skeleton: Skeleton, child: Graph, parent: Graph, tree: Params,
    padded: dict[str, Any], *, preserve: bool = False,
) -> tuple[HostTree, HostTree]:
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
        first half of a DownsampledConv2D. Never where a stride, a pool, the batch norm
        or how the image is read changes: the same weights then meet other pixels, or
        another scale.

    Returns:
      (values, mask): trees of `padded`'s shapes; mask is True where inherited.
    """
    values = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), padded)
    mask = jax.tree.map(lambda leaf: np.zeros(leaf.shape, bool), padded)
    wide, ours, theirs = _Sized(skeleton.graph), _Sized(child), _Sized(parent)
    for name, leaves in padded.items():
        node = name.removesuffix(NORM)
        if node not in theirs.nodes and preserve:
            _start_as_identity(values[name], mask[name], ours.of(name))
        if node not in theirs.nodes or name not in tree or (
                ours.nodes[node].op != theirs.nodes[node].op):
            continue
        for variable in leaves:
            if variable not in tree[name]:
                continue
            target = (values[name][variable], mask[name][variable])
            # A layer that reads nothing of what the parent's read has no function to
            # keep, and starts afresh.
            if preserve and variable == 'kernel' and any(
                    True for _ in _matching(ours.of(name), theirs.of(name))):
                shared = min(ours.nodes[node].channels, theirs.nodes[node].channels)
                target[1][:shared] = True
            _copy(variable, target, np.asarray(tree[name][variable]),
                  (wide.of(name), ours.of(name), theirs.of(name)))
    return values, mask


def block_shapes(node: Node, shapes: Shapes) -> list[tuple[str, Shape]]:
    """(role, shape) of every input of a weighted node, as its weights are cut: what
    networks have in common of a layer is that of blocks of equal role.

    Args:
      node: of a graph.
      shapes: of the tensors of that graph.
    """
    return ops.weights(node).blocks(node, shapes)


class _Leaf:
    """The layout of one node's variables in one graph."""

    def __init__(self, node: Node, shapes: Shapes) -> None:
        self.node, self.shapes = node, shapes
        self.weights = ops.weights(node)
        self.blocks = block_shapes(node, shapes)

    def split(self, array: np.ndarray) -> list[np.ndarray]:
        """Views [rows, *block shape] of an array [rows, all blocks flat]."""
        views, start = [], 0
        for _, shape in self.blocks:
            length = math.prod(shape)
            views.append(array[:, start:start + length].reshape(len(array), *shape))
            start += length
        return views

    def rows(self, variable: str, array: np.ndarray) -> np.ndarray | None:
        """View [rows, all blocks flat] of a variable that has an entry per weight or
        per input; None where it has one per output."""
        if array.ndim > 1:
            return array.reshape(len(array), -1)
        by_input = len(self.weights.shape(self.node, self.shapes)) == 2
        return array[None] if by_input and variable.startswith('group_') else None


class _Sized:
    """The nodes of a graph by name, with the shapes of its tensors."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = {node.name: node for node in graph.nodes}
        self.shapes = graph.shapes()

    def of(self, name: str) -> _Leaf:
        """Layout of the variables of a weighted node, or of its batch norm."""
        return _Leaf(self.nodes[name.removesuffix(NORM)], self.shapes)


def _start_as_identity(
    values: dict[str, np.ndarray], mask: dict[str, np.ndarray], leaf: _Leaf
) -> None:
    """Let the first maps of a new convolution pass their input on."""
    kernel = leaf.weights.identity(leaf.node, leaf.shapes)
    if kernel is None:
        return
    if 'scale' in values:
        # With the running moments of a fresh norm, 0 and 1.
        values['scale'][: leaf.node.channels] = math.sqrt(1.0 + NORM_EPSILON)
        mask['scale'][: leaf.node.channels] = True
        return
    values['kernel'][_window(kernel.shape)] = kernel
    passing = np.flatnonzero(kernel.reshape(len(kernel), -1).any(axis=1))
    mask['kernel'][passing] = True


def _window(shape: Shape) -> tuple[slice, ...]:
    return tuple(slice(0, n) for n in shape)


def _matching(
    ours: _Leaf, theirs: _Leaf
) -> Iterator[tuple[int, int, Shape]]:
    """(our block, theirs, what they share) of the blocks of equal role."""
    found = {role: i for i, (role, _) in enumerate(theirs.blocks)}
    for i, (role, shape) in enumerate(ours.blocks):
        if role in found:
            other = theirs.blocks[found[role]][1]
            if len(shape) == len(other):
                yield i, found[role], tuple(map(min, zip(shape, other)))


def _copy(
    variable: str, target: tuple[np.ndarray, np.ndarray], source: np.ndarray,
    leaves: tuple[_Leaf, _Leaf, _Leaf],
) -> None:
    """Copy what a parent's variable shares with the child's padded (values, mask)."""
    wide, ours, theirs = leaves
    if source.ndim == 0:
        target[0][...], target[1][...] = source, True
        return
    flat = theirs.rows(variable, source)
    if flat is None:
        shared = min(len(source), ours.node.channels)
        target[0][:shared] = source[:shared]
        target[1][:shared] = True
        return
    count = 1 if source.ndim == 1 else min(ours.node.channels, theirs.node.channels)
    blocks = theirs.split(flat)
    views = [wide.split(array.reshape(-1, array.shape[-1]) if source.ndim == 1
                        else array.reshape(len(array), -1)) for array in target]
    for mine, its, shape in _matching(ours, theirs):
        window = (slice(0, count), *_window(shape))
        views[0][mine][window] = blocks[its][window]
        views[1][mine][window] = True


def _widened(
    variable: str, array: np.ndarray, ours: _Leaf, wide: _Leaf
) -> np.ndarray:
    """One true array -> padded; one number of a layer is all of it."""
    if array.ndim == 0:
        return array
    shape = wide.weights.shape(wide.node, wide.shapes)
    if array.ndim == 1:
        by_input = len(shape) == 2 and variable.startswith('group_')
        shape = shape[1:] if by_input else (wide.node.channels,)
    values, mask = np.zeros(shape, array.dtype), np.zeros(shape, bool)
    _copy(variable, (values, mask), array, (wide, ours, ours))
    return values


def _cut(
    variable: str, array: np.ndarray, ours: _Leaf, wide: _Leaf
) -> np.ndarray:
    """One padded array -> its true part; one number of a layer is all of it."""
    if array.ndim == 0:
        return array
    channels = ours.node.channels
    flat = wide.rows(variable, array)
    if flat is None:
        return array[:channels]
    parts = [view[(slice(None), *_window(shape))].reshape(len(flat), -1)
             for view, (_, shape) in zip(wide.split(flat), ours.blocks)]
    whole = np.concatenate(parts, axis=1)
    if array.ndim == 1:
        return whole[0]
    return whole[:channels].reshape(ours.weights.shape(ours.node, ours.shapes))
