"""Which loop runs each layer, and where it may unpack weights."""

import dataclasses
from typing import NamedTuple

from sparse_jax.export.code.buffers import idle_offset
from sparse_jax.export.code.formats import Encoded
from sparse_jax.export.operations import BufferPlan, layout
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode

MOST_SCRATCH = 128
"""Bytes by which the arena may grow so that weights can be unpacked."""


class Kernel(NamedTuple):
    """A key of layer_kernels.KINDS, and where in the arena it may unpack weights."""

    kind: str
    scratch: int | None = None
    scratch_bytes: int = 0


def choose_kernels(
    net: QuantizedNet,
    plan: BufferPlan,
    encoded: dict[str, Encoded],
    pairs: dict[str, Encoded],
) -> tuple[dict[str, Kernel], BufferPlan]:
    """How each weighted layer is run, {layer: Kernel}, and the plan with scratch.

    The pair loop is the fastest for convolutions in all formats. Weights in another
    format are unpacked for it one channel at a time, once per channel, into arena bytes
    that are idle at that step; bitmap convolutions, slow to read in place, may grow the
    arena by MOST_SCRATCH for it. A dense layer reads each weight once, where it lies.
    `pairs` are the gap encodings: their counts bound the unpacked size.
    """
    scratch, arena = {}, plan.arena
    for node in net.nodes:
        if node.weight is None or not layout(node).slides \
                or encoded[node.name].format == 'gap':
            continue
        size = max(2 * int(pairs[node.name].counts.max(initial=0)), 1)
        offset = idle_offset(plan, node.name, size)
        grow = encoded[node.name].format == 'bitmap'
        if offset is None and grow and _reuses_weights(node):
            end = max(plan.offsets[n] + plan.sizes[n] for n in plan.live[node.name])
            if end + size <= plan.arena + MOST_SCRATCH:
                offset, arena = end, max(arena, end + size)
        if offset is not None:
            scratch[node.name] = offset, size
    chosen = _kinds(net, encoded, scratch)
    if not any(kernel.scratch is not None for kernel in chosen.values()):
        return chosen, plan
    return chosen, dataclasses.replace(plan, arena=arena)


def _reuses_weights(node: QuantizedNode) -> bool:
    _, height, width = node.full_shape
    return height * width >= 4


def _kinds(
    net: QuantizedNet, encoded: dict[str, Encoded], scratch: dict[str, tuple[int, int]]
) -> dict[str, Kernel]:
    gap = 'unpacked' if scratch else 'gap'
    chosen = {}
    for node in net.nodes:
        if node.weight is None:
            continue
        stored = encoded[node.name].format
        if stored == 'gap':
            chosen[node.name] = Kernel(gap)
        elif node.name in scratch:
            chosen[node.name] = Kernel(gap, *scratch[node.name])
        elif node.gather is not None:
            chosen[node.name] = Kernel('gather' if stored == 'dense'
                                       else 'gather_bitmap')
        elif not layout(node).slides and stored == 'bitmap':
            chosen[node.name] = Kernel('flat')
        else:
            chosen[node.name] = Kernel(stored)
    return chosen
