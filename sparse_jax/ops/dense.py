"""Dense layer: reads all its inputs flattened, one after the other; kernel [U, F]."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise
from sparse_jax.ops.arrays import library_of
from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import CLASSIFIER, Node
from sparse_jax.ops.operation import (
    Form,
    Masks,
    Operation,
    Pruned,
    Shape,
    Shapes,
    Tiers,
    Weights,
)
from sparse_jax.ops.product import product
from sparse_jax.ops.size import Size, element_mask


def element_ids(
    sources: Sequence[Shape], image_size: tuple[int, int]
) -> np.ndarray:
    """[F] uint32: a number for every flattened input that padding does not change.

    The numbers of all sources are different and scattered, so that a row or image
    number can be added to them.
    """
    height, width = image_size
    ids = []
    for position, shape in enumerate(sources):
        strides = (height * width, width, 1)
        grid = sum(
            np.arange(n, dtype=np.uint32).reshape((-1,) + (1,) * (len(shape) - i - 1))
            * np.uint32(strides[i]) for i, n in enumerate(shape))
        ids.append(np.ravel(grid) + np.uint32(position << 28))
    return np.asarray(counter_noise.scramble(np.concatenate(ids)))


def _refusal(node: Node, shapes: Sequence[Shape]) -> str:
    if not shapes:
        return 'one tensor or more'
    return '' if node.kernel == node.pool == 1 else 'no kernel and no pool'


def _output(node: Node, shapes: Shapes) -> Shape:
    del shapes
    return (node.channels,)


def _pad(node: Node, channels: Mapping[str, int], tiers: Tiers) -> Node:
    del channels
    if node.name == CLASSIFIER:
        return node
    return dataclasses.replace(node, channels=tiers.unit(node.channels))


def _fixed(node: Node, known: Mapping[str, bool]) -> bool:
    del node, known
    return True


def _size(
    node: Node, channels: jax.Array, kernel: jax.Array, sizes: Mapping[str, Size]
) -> Size:
    del node, kernel, sizes
    return Size(channels, 1, 1)


def _fan_in(node: Node, shapes: Shapes) -> int:
    return sum(math.prod(shapes[name]) for name in node.inputs)


def _shape(node: Node, shapes: Shapes) -> Shape:
    return (node.channels, _fan_in(node, shapes))


def _index(
    shape: Shape, sources: Sequence[Shape], image_size: tuple[int, int],
    host: bool = True,
) -> np.ndarray:
    del host
    rows = np.arange(shape[0], dtype=np.uint32)
    return rows[:, None] + element_ids(sources, image_size)


def _valid(
    node: Node, outputs: jax.Array, kernel: jax.Array, sizes: Sequence[Size],
    shapes: Sequence[Shape],
) -> jax.Array:
    del node, kernel
    flat = [element_mask(size, shape) for size, shape in zip(sizes, shapes)]
    flat = library_of(*flat).concatenate(flat)
    return outputs[:, None] & flat


def _read(inputs: Sequence[jax.Array]) -> jax.Array:
    return jnp.concatenate([t.reshape(-1, t.shape[-1]) for t in inputs], axis=0)


def _view(node: Node, x: jax.Array, conv: str) -> jax.Array:
    del node, conv
    return x


def _product(view: jax.Array, kernel: jax.Array) -> jax.Array:
    return product(kernel, view)


def _living(
    units: Sequence[jax.Array], sizes: Sequence[Size], shapes: Sequence[Shape]
) -> jax.Array:
    """[F] living elements of all inputs."""
    flat, library = [], library_of(*units)
    for unit, size, shape in zip(units, sizes, shapes):
        alive = unit if len(shape) == 1 else library.broadcast_to(
            unit[:, None, None], shape).ravel()
        flat.append(alive & element_mask(size, shape))
    return library_of(*flat).concatenate(flat)


def _join(kept: jax.Array, outputs: jax.Array, inputs: jax.Array) -> jax.Array:
    return kept & outputs[:, None] & inputs


def _need(
    kept: jax.Array, outputs: jax.Array, shapes: Sequence[Shape]
) -> list[jax.Array]:
    flat, parts, start = (kept & outputs[:, None]).any(0), [], 0
    for shape in shapes:
        length = math.prod(shape)
        parts.append(flat[start:start + length].reshape(shape[0], -1).any(1))
        start += length
    return parts


def _blocks(node: Node, shapes: Shapes) -> list[tuple[str, Shape]]:
    """One block per input; the trunk keeps its role when its last block is another."""
    role = lambda name: 'trunk' if name.startswith('block-') else name
    return [(role(name), shapes[name]) for name in node.inputs]


def _no_identity(node: Node, shapes: Shapes) -> None:
    del node, shapes


def _living_elements(name: str, alive: Masks, shapes: Shapes) -> np.ndarray:
    shape = shapes[name]
    if len(shape) == 1:
        return alive[name]
    return np.repeat(alive[name], math.prod(shape[1:]))


def _shrink(
    node: Node, leaf: Mapping[str, np.ndarray], alive: Masks, shapes: Shapes,
    gather: bool,
) -> list[CompactNode]:
    """One dense node, after a concatenation if it reads several tensors."""
    out = alive[node.name]
    columns = np.concatenate([_living_elements(t, alive, shapes) for t in node.inputs])
    kernel = leaf['kernel'][out][:, columns]
    bias = leaf['bias'][out] if 'bias' in leaf else None
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
        node.name, node.op, sources or ('input',), kernel, bias, node.relu,
        gather=picked)]


def _compact_output(node: CompactNode, shapes: Shapes) -> Shape:
    del shapes
    assert node.weight is not None
    return (len(node.weight),)


def _apply(node: CompactNode, inputs: Sequence[np.ndarray]) -> np.ndarray:
    x = inputs[0].reshape(len(inputs[0]), -1)
    x = x if node.gather is None else x[:, node.gather]
    return x @ np.asarray(node.weight, np.float64).T


DENSE = Operation(
    'dense',
    Pruned(_shrink, _compact_output, _apply),
    Form(_refusal, _output, _pad, _fixed, _size),
    Weights(
        shape=_shape, elements_read=_fan_in, index=_index, valid=_valid, read=_read,
        view=_view, product=_product, living=_living, join=_join, need=_need,
        blocks=_blocks, identity=_no_identity))
