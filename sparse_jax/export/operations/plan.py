"""Where every tensor lies in the static arena; `code.buffers` makes it."""

import dataclasses

SUMS = 'sums of input rows'
"""A row of 16-bit sums, while the image is averaged as it comes; no name of a node."""


@dataclasses.dataclass(frozen=True)
class BufferPlan:
    """`offsets` and `sizes` {tensor: bytes}, `live` {step: (tensors)}, by step name.

    `lower_bound` is the most bytes alive at once: no plan can be smaller.
    `in_place` lists the tensors that share bytes with another one on purpose.
    """

    arena: int
    lower_bound: int
    offsets: dict[str, int]
    sizes: dict[str, int]
    live: dict[str, tuple[str, ...]]
    in_place: tuple[str, ...]
