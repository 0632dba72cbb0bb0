"""What export must know of an operation: one record of pure functions."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

import numpy as np

from sparse_jax.export.operations.plan import BufferPlan
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode


class TfliteKind(NamedTuple):
    """An operator of .tflite: code, table of its options, their fields, version."""

    code: str
    table: str
    fields: Mapping[str, int | list[int]]
    version: int


class TfliteGraph(Protocol):
    """What `tflite.model` offers to an operation that adds its operators."""

    net: QuantizedNet
    index: dict[str, int]
    """{tensor of ours: tensor of .tflite}."""

    def activation(self, name: str, shape: tuple[int, ...], like: str) -> int:
        """A new tensor with the quantisation of one of ours."""
        ...

    def constant(self, name: str, data: np.ndarray) -> int:
        """A new constant tensor."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one of our tensors in the order of .tflite."""
        ...

    def pool(self, source: int, name: str, size: int) -> int:
        """Maximum of size x size windows, into one of our tensors."""
        ...

    def flat(self, name: str) -> int:
        """One of our tensors as a vector in our (C, H, W) order."""
        ...

    def add(self, kind: TfliteKind, inputs: tuple[int, ...], output: int) -> None:
        """A new operator."""
        ...


class Extents(NamedTuple):
    """What the layer loop walks over; bytes and counts, as in `code.kernels.TYPES`."""

    channel_step: int
    """Input bytes from one output channel to the next."""
    plane: int
    width: int
    planes: int
    rows: int
    columns: int
    out_height: int
    out_width: int


@dataclasses.dataclass(frozen=True)
class Layout:
    """An operation with weights: how the layer loop reads its input.

    Attributes:
      slides: whether its weights meet the input at many places, `node.stride` apart;
        else every weight is read once.
      positions: (net, node) -> [I] byte offsets, ascending, of the inputs that the
        weights of one output channel meet first.
      extents: (net, node) -> what the loop walks over.
      tflite_weight: (net, node) -> (weights in the order of .tflite, axis of the output
        channels).
      tflite: its operator.
      one_scale: its .tflite weights have one scale where all channels share it.
    """

    slides: bool
    positions: Callable[[QuantizedNet, QuantizedNode], np.ndarray]
    extents: Callable[[QuantizedNet, QuantizedNode], Extents]
    tflite_weight: Callable[[QuantizedNet, QuantizedNode], tuple[np.ndarray, int]]
    tflite: TfliteKind
    one_scale: bool = False


Planned = Callable[[QuantizedNet, BufferPlan, QuantizedNode], Mapping[str, float]]


def _no_shift(node: QuantizedNode) -> bool:
    del node
    return False


@dataclasses.dataclass(frozen=True)
class Function:
    """An operation without weights: a C function of its own.

    Attributes:
      body: (net, plan, node) -> the lines of the function, after the declaration of
        `y`, where its output lies. `@` is the prefix of all names.
      tflite: (graph, node) -> adds its operators, and the tensor to `graph.index`.
        Raises ExportError for what .tflite cannot express.
      work: (net, plan, node) -> counts of one inference, by `cost_model.features.WORK`.
      code: (net, plan, node) -> what it adds to the code, by `features.CODE`.
      helpers: (net, plan, node) -> keys of `code.kernels.HELPERS` that it calls.
      shifts_left: (node) -> whether a rescaling of it shifts to the left.
    """

    body: Callable[[QuantizedNet, BufferPlan, QuantizedNode], list[str]]
    tflite: Callable[[TfliteGraph, QuantizedNode], None]
    work: Planned
    code: Planned
    helpers: Callable[[QuantizedNet, BufferPlan, QuantizedNode], tuple[str, ...]]
    shifts_left: Callable[[QuantizedNode], bool] = _no_shift


def no_window(node: QuantizedNode) -> str:
    """The description of an operation without a window."""
    del node
    return ''


@dataclasses.dataclass(frozen=True)
class ExportOperation:
    """One operation; `export.OPERATIONS` has it under its name.

    Attributes:
      part: how it is run.
      reuse: which bytes its output may share. 'none'. 'overwrite': those of one input
        that nobody reads later and that is not smaller; output i may be written once
        outputs up to i have read. 'join': its inputs may be written straight into it.
      window: (node) -> what follows the name of the operation in descriptions.
    """

    part: Layout | Function
    reuse: Literal['none', 'overwrite', 'join'] = 'none'
    window: Callable[[QuantizedNode], str] = no_window
