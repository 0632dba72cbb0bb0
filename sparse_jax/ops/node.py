"""One operation of a network, as data: what a graph before pruning is made of."""

import dataclasses

from sparse_jax.hashing import remembers_hash
from sparse_jax.ops import table

CLASSIFIER = 'classifier'
"""Name of the last node, whose units are the classes."""


@remembers_hash
@dataclasses.dataclass(frozen=True)
class Node:
    """One operation of a graph; its output tensor has the node's name.

    op: a key of `ops.OPERATIONS`.
    `kernel_low` is the smallest kernel the node may have when sizes are padded; it
    equals `kernel` in an exact graph. `channels` are output maps or units.
    `stride`: pixels from one window of a convolution to the next, down and across.
    After the operation: batch norm, ReLU, then a pool x pool / pool VALID maximum.
    `knob` names the table row (block-k-layer-l) that owns the node's threshold.
    `bias` gives a node with neither ReLU nor batch norm a bias all the same.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    channels: int
    kernel: int = 1
    kernel_low: int = 1
    stride: int = 1
    relu: bool = True
    batch_norm: bool = False
    pool: int = 1
    knob: str = ''
    bias: bool = False

    @property
    def weighted(self) -> bool:
        """Whether the node has weights."""
        return table.find(self.op).weights is not None

    @property
    def biased(self) -> bool:
        """Whether it has a bias, if only the shift of its batch norm: the linear first
        half of a layer needs none."""
        return self.weighted and (
            self.relu or self.batch_norm or self.bias or self.name == CLASSIFIER)
