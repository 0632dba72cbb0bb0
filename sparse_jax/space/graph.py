"""A network as data: its image, its nodes, the shapes between them."""

import dataclasses
import functools
from types import MappingProxyType

from sparse_jax import ops
from sparse_jax.hashing import remembers_hash
from sparse_jax.ops import CLASSIFIER, Node
from sparse_jax.ops.operation import Shape, Shapes


@remembers_hash
@dataclasses.dataclass(frozen=True)
class Graph:
    """A network from the raw image (H, W, C) to `num_classes` logits; hashable.

    fold_binary: whether a classifier of two classes is counted and shrunk as one unit,
    see `folds`. It is trained as two all the same.
    downsample_type: whether the input is down-sampled by the maximum or by the average
    of windows of downsample x downsample pixels.
    """

    input_shape: tuple[int, int, int]
    downsample: int
    squeeze_depth: bool
    nodes: tuple[Node, ...]
    fold_binary: bool = True
    downsample_type: str = 'max'

    @property
    def num_classes(self) -> int:
        """Units of the last node."""
        return self.nodes[-1].channels

    @property
    def folds(self) -> bool:
        """Whether pruning leaves one output unit: logit 1 less logit 0 of two."""
        last = self.nodes[-1]
        return self.fold_binary and last.name == CLASSIFIER and last.channels == 2

    @property
    def counted(self) -> 'Graph':
        """The network whose layers are counted: with one output unit if it `folds`."""
        if not self.folds:
            return self
        *nodes, last = self.nodes
        return dataclasses.replace(
            self, nodes=(*nodes, dataclasses.replace(last, channels=1)))

    @property
    def weighted_nodes(self) -> tuple[Node, ...]:
        """Nodes that have weights."""
        return tuple(n for n in self.nodes if n.weighted)

    @property
    def layers(self) -> tuple[Node, ...]:
        """Nodes that are layers of the memory model."""
        return tuple(n for n in self.nodes if ops.find(n.op).costs.layer)

    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) after the input down-sampling."""
        h, w, c = self.input_shape
        return (1 if self.squeeze_depth else c, h // self.downsample,
                w // self.downsample)

    def shapes(self) -> Shapes:
        """Tensor shapes by name: (C, H, W) after pooling, or (units,); computed once.
        """
        return self._shapes

    @functools.cached_property
    def _shapes(self) -> Shapes:
        return _extended({'input': self.image_shape()}, self.nodes)

    def followed_by(self, nodes: tuple[Node, ...]) -> 'Graph':
        """The network with further nodes behind its own."""
        longer = dataclasses.replace(self, nodes=self.nodes + nodes)
        longer.__dict__['_shapes'] = _extended(self._shapes, nodes)
        return longer

    def feasible(self) -> bool:
        """Whether every feature map has at least one pixel."""
        return all(min(shape) >= 1 for shape in self.shapes().values())


def output_shape(node: Node, shapes: Shapes) -> Shape:
    """Shape of a node's output before its pool: the y of the memory model."""
    return ops.form(node).output(node, shapes)


def pooled(shape: Shape, pool: int) -> Shape:
    """Shape after a pool x pool / pool VALID pool; vectors have none."""
    return shape if pool == 1 else (shape[0], shape[1] // pool, shape[2] // pool)


def _extended(shapes: Shapes, nodes: tuple[Node, ...]) -> Shapes:
    """Shapes with those of further nodes."""
    found = dict(shapes)
    for node in nodes:
        found[node.name] = pooled(output_shape(node, found), node.pool)
    return MappingProxyType(found)
