"""What int8 must know of an operation: one record of pure functions."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax
import numpy as np

from sparse_jax.model.compact import CompactNode
from sparse_jax.quantize.blocks import Run
from sparse_jax.quantize.quantized import QTensor, QuantizedNode


class Setting(NamedTuple):
    """What surrounds a node that is quantised."""

    inputs: tuple[QTensor, ...]
    output: QTensor
    shape: tuple[int, ...]
    """Of the output before its pool."""
    peak: np.ndarray | None
    """[O] largest magnitude of the weights of each channel, if it has weights."""
    per_channel_dense: bool
    """Whether a dense layer may have one scale per output."""


class Zeros(NamedTuple):
    """The codes that stand for 0."""

    inputs: tuple[int, ...]
    output: int


Emulate = Callable[[QuantizedNode, Sequence[np.ndarray], Zeros], np.ndarray]
EmulateJax = Callable[[QuantizedNode, Sequence[jax.Array], Zeros], jax.Array]

InBlocks = Callable[[QuantizedNode, Sequence[Sequence[int]], Zeros], Run | None]
"""(node, shapes of its inputs, codes of zero) -> the node on blocks."""


def _unknown(
    node: QuantizedNode, shapes: Sequence[Sequence[int]], zeros: Zeros
) -> Run | None:
    del node, shapes, zeros


@dataclasses.dataclass(frozen=True)
class Int8Operation:
    """One operation in int8; tensors have a batch axis in front.

    Attributes:
      quantize: (node, its setting) -> the int8 node.
      emulate: (node, codes of its inputs as int64, codes of zero) -> codes of its
        output after its pool, not yet clamped; exact integers.
      emulate_jax: the same for int32 arrays, traceable, without floats and without
        64-bit integers.
      forward: (node, rounded weights or None, bias or None, its real inputs) -> its
        real output before ReLU and pool, differentiable; for fine-tuning.
      scale: what decides the scale of its output. 'own': its range alone. 'joined':
        its inputs take the scale of its output, except for the image, which has its
        own. 'kept': that of its one input, of the image too.
      in_blocks: `emulate` on blocks of float64 (`quantize.blocks`), bit for bit, made
        ready once per network; None of a node that float64 does not hold exactly.
        Such nodes, and operations without it, go through `emulate`.
    """

    quantize: Callable[[CompactNode, Setting], QuantizedNode]
    emulate: Emulate
    emulate_jax: EmulateJax
    forward: Callable[
        [CompactNode, jax.Array | None, jax.Array | None, Sequence[jax.Array]],
        jax.Array]
    scale: Literal['own', 'joined', 'kept'] = 'own'
    in_blocks: InBlocks = _unknown
