"""One operation of a pruned network that is cut to its exact shape."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class CompactNode:
    """One operation. Its output tensor carries the node's name.

    conv:         weight [O, C, k, k]; VALID, windows `stride` pixels apart.
    depthwise:    weight [C, k, k]; the same, one kernel per channel.
    dense:        weight [O, I]; reads its input flattened in (C, H, W) order and,
                  with `gather`, only the I listed positions of it.
    sum:          element-wise sum of equally long vectors (feature maps are flattened).
    concatenate:  its inputs one after the other, flattened.
    add:          element-wise sum of feature maps, each cropped about its centre to
                  `size`, the smallest height and width where that is None. Maps that
                  a narrower input lacks count as 0.
    average_pool: mean of every kernel x kernel window, stride `kernel`, VALID; along
                  an axis shorter than the kernel, of the whole axis.

    Zeros in `weight` are pruned weights. After the operation: + bias, ReLU if `relu`,
    then a pool x pool / pool VALID maximum if `pool` > 1 (feature maps only).
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    relu: bool = False
    pool: int = 1
    gather: np.ndarray | None = None
    kernel: int = 1
    size: tuple[int, int] | None = None
    stride: int = 1
