"""How much of a child's weights each of many networks would give it.

`weights.embed` copies what layers of one name and kind have in common. How much that is
follows from the sizes of the layers alone, which are kept as columns over all networks:
a search asks for every point that it suggests.
"""

import math
from collections.abc import Hashable, Iterator
from typing import NamedTuple

import numpy as np

from sparse_jax.model.weights import block_shapes
from sparse_jax.ops.operation import Shape
from sparse_jax.space.architecture import Graph

Block = tuple[str, int]
"""(role of an input, number of its sizes)."""


class Extent(NamedTuple):
    """What a network offers to a child."""

    image: Hashable
    """How it reads the image; networks that read it otherwise have nothing in common.
    """
    layers: tuple[tuple[str, str, tuple[Block, ...]], ...]
    """(name, operation, inputs) of every weighted layer."""
    sizes: np.ndarray
    """[M] outputs of every layer and sizes of its inputs, one layer after another. Of
    two networks with equal layers, one whose sizes are all at least the other's gives
    at least as much to any child."""


class _Layer(NamedTuple):
    """A layer of an extent."""

    kind: tuple[str, str]
    """(name, operation)."""
    outputs: int
    blocks: tuple[tuple[Block, Shape], ...]


def extent(graph: Graph) -> Extent:
    """The layers of a graph and their sizes."""
    layers, sizes, shapes = [], [], graph.shapes()
    for node in graph.weighted_nodes:
        blocks = block_shapes(node, shapes)
        layers.append((node.name, node.op,
                       tuple((role, len(shape)) for role, shape in blocks)))
        sizes += [node.channels, *(n for _, shape in blocks for n in shape)]
    image = (graph.downsample, graph.downsample_type, graph.squeeze_depth)
    return Extent(image, tuple(layers), np.array(sizes, int))


def overlap(child: Graph, parent: Graph) -> float:
    """Share of the child's weights that `embed` would copy from the parent, 0 to 1."""
    offers = Offers()
    offers.append(extent(parent))
    return float(offers.shares(extent(child))[0])


class Offers:
    """Extents of many networks: what each would give to a child."""

    def __init__(self) -> None:
        self._count = 0
        self._images: dict[Hashable, int] = {}
        self._columns: dict[Hashable, np.ndarray] = {}

    def __len__(self) -> int:
        return self._count

    def append(self, own: Extent) -> None:
        """One network more."""
        place = self._count
        self._count += 1
        image = self._images.setdefault(own.image, 1 + len(self._images))
        self._column('image', 1)[place] = image
        for layer in _layers(own):
            self._column(layer.kind, 1)[place] = layer.outputs
            for block, shape in layer.blocks:
                # The first number says that there is such an input.
                column = self._column((layer.kind, block), 1 + len(shape))
                column[place] = (1, *shape)

    def shares(self, child: Extent) -> np.ndarray:
        """[N] shares of the child's weights that every network would give, 0 to 1."""
        count = self._count
        copied, total = np.zeros(count, int), 0
        for layer in _layers(child):
            own = dict(layer.blocks)
            volume = np.zeros(count, int)
            for block, shape in layer.blocks:
                total += layer.outputs * math.prod(map(min, zip(shape, own[block])))
                key = (layer.kind, block)
                if key in self._columns:
                    found = self._column(key, 1 + len(shape))[:count]
                    volume += np.minimum(found, (1, *shape)).prod(axis=1)
            if layer.kind in self._columns:
                outputs = self._column(layer.kind, 1)[:count, 0]
                copied += np.minimum(outputs, layer.outputs) * volume
        alike = self._column('image', 1)[:count, 0] == self._images.get(child.image, 0)
        return np.where(alike, copied / total, 0.0)

    def _column(self, name: Hashable, width: int) -> np.ndarray:
        """[at least N, width] numbers of all networks, 0 where one has none; made, and
        lengthened, as it is needed."""
        found = self._columns.get(name)
        if found is None or len(found) < self._count:
            longer = np.zeros((max(64, 2 * self._count), width), int)
            if found is not None:
                longer[:len(found)] = found
            self._columns[name] = found = longer
        return found


def _layers(own: Extent) -> Iterator[_Layer]:
    """The layers of an extent with their sizes."""
    numbers = iter(own.sizes.tolist())
    for name, op, blocks in own.layers:
        outputs = next(numbers)
        yield _Layer((name, op), outputs, tuple(
            (block, tuple(next(numbers) for _ in range(block[1]))) for block in blocks))
