"""What the library must know of an operation: one record of pure functions.

An operation is written once, here and in its own file; shapes, training, pruning,
shrinking and costs ask its record. *Static* parts work on Python integers and decide
the compiled program. *Traced* parts work on arrays, whose true sizes may be smaller
than their padded shapes; what is beyond the true size of a tensor is 0.

Feature maps are [C, H, W], vectors [units]; with a batch it is the last axis.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import jax
import numpy as np

from sparse_jax.ops.compact_node import CompactNode
from sparse_jax.ops.node import Node
from sparse_jax.ops.size import Size

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
"""Shapes by tensor name."""
Masks = Mapping[str, np.ndarray]


class Tiers(Protocol):
    """Upper ends of padded sizes; `model.skeleton.TierPolicy` is one."""

    def width(self, n: int) -> int:
        """Tier of a number of maps."""
        ...

    def unit(self, n: int) -> int:
        """Tier of a number of units."""
        ...

    def kernel(self, k: int) -> tuple[int, int]:
        """(lowest, highest) kernel that shares a program with k."""
        ...


@dataclasses.dataclass(frozen=True)
class Form:
    """What an operation reads and writes: shapes before its pool."""

    refusal: Callable[[Node, Sequence[Shape]], str]
    """Static. (node, shapes that it is to read) -> '' if it can read them, else what is
    allowed, for an error line."""
    output: Callable[[Node, Shapes], Shape]
    """Static. (node, shapes of tensors) -> shape of its output; of feature maps, the
    height must follow from heights and the width from widths alone."""
    pad: Callable[[Node, Mapping[str, int], Tiers], Node]
    """Static. (exact node, padded channels of tensors, tiers) -> the padded node."""
    fixed: Callable[[Node, Mapping[str, bool]], bool]
    """Static. (padded node, whether tensors are so) -> whether its height and width are
    the same for all candidates of a program."""
    size: Callable[[Node, jax.Array, jax.Array, Mapping[str, Size]], Size]
    """Traced. (padded node, true channels [], true kernel [], sizes of tensors) -> true
    size of its output; integers where `fixed`."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """An operation with weights: one product of a view of its input and a kernel.

    A kernel's first axis runs over output maps or units. A kernel of two axes is
    [units, inputs]: a pruning method takes the inputs for its groups. Of any other
    kernel the groups are the output maps. Noise needs `product` to be linear in the
    kernel.
    """

    shape: Callable[[Node, Shapes], Shape]
    """Static. (node, shapes of tensors) -> shape of its kernel."""
    elements_read: Callable[[Node, Shapes], int]
    """Static. (padded node, shapes of tensors) -> elements of one image's view, which a
    training keeps for its backward pass."""
    index: Callable[..., jax.Array | np.ndarray]
    """(padded kernel shape, padded shapes of the inputs, (height, width) that no map
    exceeds, whether by NumPy alone) -> uint32 number of every weight, for its initial
    value; no padding may change the number of a weight."""
    valid: Callable[
        [Node, jax.Array, jax.Array, Sequence[Size], Sequence[Shape]], jax.Array]
    """Traced. (padded node, [O] bool true outputs, true kernel [], true sizes and
    padded shapes of its inputs) -> bool mask of the weights that the candidate has."""
    read: Callable[[Sequence[jax.Array]], jax.Array]
    """Traced. Its inputs, [C, H, W, B] or [F, B] each -> the one array it reads."""
    view: Callable[[Node, jax.Array, str], jax.Array]
    """Traced. (padded node, what it reads, lowering of `ops.lowering`) -> view; that of
    the squares must be the squares of the view."""
    product: Callable[[jax.Array, jax.Array], jax.Array]
    """Traced. (view, kernel) -> output, [O, H, W, B] or [O, B]."""
    living: Callable[[Sequence[jax.Array], Sequence[Size], Sequence[Shape]], jax.Array]
    """Traced. (living maps or units of its inputs, their true sizes, padded shapes) ->
    mask of living inputs, as `join` takes it."""
    join: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    """Traced. (kept weights, living outputs [O], living inputs) -> kept weights whose
    two ends live."""
    need: Callable[[jax.Array, jax.Array, Sequence[Shape]], list[jax.Array]]
    """Traced. (kept weights, needed outputs [O], padded shapes of its inputs) -> per
    input, the maps or units [C] that a needed output reads."""
    blocks: Callable[[Node, Shapes], list[tuple[str, Shape]]]
    """Static. (node, shapes of tensors) -> what the kernel's other axes consist of, one
    after the other: (role, shape) each. Blocks of equal role of a parent and its child
    share their first elements along every axis."""
    identity: Callable[[Node, Shapes], np.ndarray | None]
    """Static. (exact node, shapes of tensors) -> a kernel that passes the first maps of
    its input on, for an operation that the parent lacks; None: there is no such."""
    convolves: bool = False
    """Whether the product is a convolution over the node's own window, with windows one
    pixel apart (the network drops those that a stride skips) and a kernel [O, C, k, k],
    or [C, k, k] of one window per map: `lowering.direct_product` may then stand for
    view and product."""


@dataclasses.dataclass(frozen=True)
class Combination:
    """An operation without weights."""

    combine: Callable[[Node, Sequence[jax.Array], Sequence[Size], Size], jax.Array]
    """Traced. (padded node, its inputs [C, H, W, B] or [F, B], their true sizes, true
    size of its output) -> output; it may have anything beyond its true size."""
    reach: Callable[[Node, Sequence[jax.Array]], jax.Array]
    """Traced. (padded node, maps or units of its inputs that a path from the image
    reaches) -> those of its output."""
    need: Callable[[Node, jax.Array, Sequence[Shape]], list[jax.Array]]
    """Traced. (padded node, needed outputs, padded shapes of its inputs) -> per input,
    the maps or units [C] that a needed output reads."""


@dataclasses.dataclass(frozen=True)
class Pruned:
    """The pruned network at its exact shape, on the host."""

    shrink: Callable[
        [Node, Mapping[str, np.ndarray], Masks, Shapes, bool], list[CompactNode]]
    """(exact node, its folded 'kernel' and 'bias', living units by tensor, exact
    shapes, whether dense layers gather) -> the nodes that compute its living outputs;
    asked only where some live. An input without living units is not there."""
    output: Callable[[CompactNode, Shapes], Shape]
    """(node, shapes of tensors) -> shape of its output before its pool."""
    apply: Callable[[CompactNode, Sequence[np.ndarray]], np.ndarray]
    """(node, its inputs [N, C, H, W] or [N, F] in float64) -> output before bias, ReLU
    and pool."""


@dataclasses.dataclass(frozen=True)
class Costs:
    """How the memory models count an operation."""

    layer: bool = True
    """Whether it is a layer: x is what it reads, y what it writes, and every kept
    weight multiplies once per pixel. Whoever reads an operation that is none holds all
    of its inputs."""
    in_place: bool = False
    """Whether a board may write its output over its input."""


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation: all that the library knows of it outside `quantize` and `export`.

    Shapes, training, pruning, inheritance, shrinking and costs ask this record and
    never the name, so that an operation is added in one file. An operation has either
    `weights` (it is then a layer with uncertain weights that a method prunes) or a
    `combination` of its inputs (a sum, a pool). `ops.register` adds one to
    `ops.OPERATIONS`; to run in int8 and on a chip it needs a record of the same name in
    `quantize.operations` and in `export.operations`. `ops.average_pool` and `ops.conv`
    are one of each kind to start from.

    Attributes:
      name: its key in the table, in network files and in the tables of `quantize` and
        `export`.
      pruned: what a compact network needs of it.
      form: shapes; None if only compact networks have it.
      weights: if it has weights.
      combination: if it has none.
      costs: how it is counted.
      keeps_maps: map i of its output is made of map i of its inputs: shrinking keeps
        these maps aligned.
      plain: no ReLU and no pool may follow.
    """

    name: str
    pruned: Pruned
    form: Form | None = None
    weights: Weights | None = None
    combination: Combination | None = None
    costs: Costs = Costs()
    keeps_maps: bool = False
    plain: bool = False

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
          ValueError: a form without weights or combination, or with both.
        """
        parts = (self.weights is not None) + (self.combination is not None)
        if parts != (self.form is not None):
            raise ValueError(
                f'operation {self.name!r}: a form needs weights or a combination')
