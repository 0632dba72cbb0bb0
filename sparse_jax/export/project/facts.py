"""Everything known of an exported network before it is compiled, as plain JSON."""

import dataclasses

import numpy as np

from sparse_jax.export.chip.boards import Board
from sparse_jax.export.code.analytic import AnalyticCost
from sparse_jax.export.code.c_source import Generated
from sparse_jax.export.code.c_tables import describe, table_bytes
from sparse_jax.quantize.quantized import QuantizedNode


def gather_facts(g: Generated, board: Board, cost: AnalyticCost) -> dict:
    """Facts of a generated network for reports, ledgers and budgets; sizes in bytes.

    'layers' lists every node; those with weights have 'channels', 'weights' (all),
    'nonzero', 'format', 'format_bytes' and 'tables' {part: bytes}.
    """
    plan, (height, width, channels) = g.plan, g.net.input_shape
    return {
        'name': g.name,
        'board': dataclasses.asdict(board),
        'image': {'height': height, 'width': width, 'channels': channels,
                  'row_bytes': width * channels, 'pixel_low': float(g.net.pixel_low),
                  'pixel_step': float(g.net.pixel_step)},
        'classes': g.net.classes,
        'logits': g.net.units,
        'logit_zero_point': g.net.tensors[g.net.output].zero_point,
        'analytic': dataclasses.asdict(cost),
        'arena': {'bytes': plan.arena, 'lower_bound': plan.lower_bound,
                  'tensors': max(plan.offsets[n] + plan.sizes[n] for n in plan.sizes),
                  'offsets': plan.offsets, 'sizes': plan.sizes,
                  'live': {step: list(names) for step, names in plan.live.items()},
                  'in_place': list(plan.in_place)},
        'layers': [_layer(g, node) for node in g.net.nodes],
    }


def _layer(g: Generated, node: QuantizedNode) -> dict:
    facts = {'name': node.name, 'what': describe(g.net, node),
             'symbol': g.symbols[node.name]}
    if node.weight is None:
        return facts
    encoded, kernel = g.encoded[node.name], g.kernels[node.name]
    return facts | {
        'kernel': kernel.kind, 'scratch_bytes': kernel.scratch_bytes,
        'channels': len(node.weight), 'weights': node.weight.size,
        'nonzero': int(np.count_nonzero(node.weight)), 'format': encoded.format,
        'format_bytes': g.candidates[node.name], 'tables': table_bytes(node, encoded)}


def weighted(facts: dict) -> list[dict]:
    """The layers that have weights."""
    return [layer for layer in facts['layers'] if 'tables' in layer]


def live_bytes(facts: dict, step: str) -> int:
    """Bytes of the arena in use at a step; bytes shared in place count once."""
    arena, used, end = facts['arena'], 0, 0
    spans = sorted((arena['offsets'][n], arena['offsets'][n] + arena['sizes'][n])
                   for n in arena['live'][step])
    for start, stop in spans:
        used += max(0, stop - max(start, end))
        end = max(end, stop)
    return used


def peak_step(facts: dict) -> str:
    """The step at which most bytes are in use."""
    return max(facts['arena']['live'], key=lambda step: live_bytes(facts, step))
