"""Generates the C99 of one quantised network: a header and a source file."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from sparse_jax.export.code import kernels, layer_kernels
from sparse_jax.export.code.buffers import plan_buffers
from sparse_jax.export.code.c_header import header_text
from sparse_jax.export.code.c_nodes import node_function, push_row_function
from sparse_jax.export.code.c_tables import TABLES, describe, layer_tables, strided
from sparse_jax.export.code.formats import Encoded, choose, encodings
from sparse_jax.export.code.kernel_choice import Kernel, choose_kernels
from sparse_jax.export.code.schedule import schedule
from sparse_jax.export.operations import BufferPlan
from sparse_jax.export.operations.table import function
from sparse_jax.quantize.quantized import QuantizedNet

_RESERVED = (
    'arena', 'layer', 'high_multiply', 'rescale', 'clamp', 'dot', 'dot2', 'unpack',
    'push_row', 'pixel_code', 'infer', 'class', 'NOINLINE', *kernels.HELPERS,
    *(f'layer_{kind}' for kind in layer_kernels.KINDS))


@dataclasses.dataclass(frozen=True)
class Generated:
    """The C of a network and everything it was made of."""

    name: str
    net: QuantizedNet
    plan: BufferPlan
    header: str
    source: str
    encoded: dict[str, Encoded]
    candidates: dict[str, dict[str, int]]
    """{layer: {format: bytes}} of all three formats."""
    symbols: dict[str, str]
    """{node: C identifier}."""
    kernels: dict[str, Kernel]
    pairs: dict[str, int]
    """{layer: pairs of the gap format}, those that bridge long distances included."""


def generate(
    net: QuantizedNet, *, name: str = 'net', weight_format: str = 'auto',
    guard: bool = True, resized_from: tuple[int, int] | None = None,
    class_names: Sequence[str] = (),
) -> Generated:
    """C99 that computes the logits of `emulate`, bit for bit.

    `name` prefixes every identifier. `weight_format` forces one of formats.FORMATS.
    `guard` off leaves out the includes, to join several networks in one file.
    `resized_from` is the size that images are expected to have had, and `class_names`
    what the classes are called, for the header.
    """
    if not re.fullmatch(r'[A-Za-z][A-Za-z0-9_]*', name):
        raise ValueError(f'{name!r} is not a C identifier')
    net = schedule(net)
    plan = plan_buffers(net)
    encoded, candidates, pairs = {}, {}, {}
    for node in net.nodes:
        if node.weight is not None:
            options = encodings(net, node)
            encoded[node.name] = choose(options, weight_format)
            pairs[node.name] = options['gap']
            candidates[node.name] = {f: e.bytes for f, e in options.items()}
    symbols = _identifiers(net)
    chosen, plan = choose_kernels(net, plan, encoded, pairs)
    parts = [_arena(plan), *_kernel_texts(net, plan, chosen)]
    parts += [layer_tables(net, node, encoded[node.name], symbols[node.name],
                           chosen[node.name].scratch is not None)
              for node in net.nodes if node.weight is not None]
    parts += [node_function(net, plan, node, symbols[node.name]) for node in net.nodes
              if node.weight is None]
    parts += [push_row_function(net, plan), _infer(net, plan, chosen, symbols)]
    head = f'#include "{name}.h"\n\n' if guard else ''
    source = (head + '\n'.join(parts)).replace('@', f'{name}_')
    counts = {layer: int(gap.counts.sum()) for layer, gap in pairs.items()}
    header = header_text(net, plan, name, resized_from, class_names)
    return Generated(name, net, plan, header, source, encoded, candidates, symbols,
                     chosen, counts)


def _identifiers(net: QuantizedNet) -> dict[str, str]:
    """{node: C identifier}; its tables and our functions keep their names to
    themselves."""
    names, used = {}, set(_RESERVED)
    for node in net.nodes:
        base = re.sub(r'\W', '_', node.name, flags=re.ASCII) or 'node'
        symbol, count = base, 2
        while used & (own := {symbol, *(f'{symbol}_{part}' for part in TABLES)}):
            symbol, count = f'{base}_{count}', count + 1
        used |= own
        names[node.name] = symbol
    return names


def _arena(plan: BufferPlan) -> str:
    return (f'/* Every tensor of the network, {plan.arena} bytes; see the offsets in '
            f'infer. */\nstatic int8_t @arena[{plan.arena}];\n')


def _kernel_texts(
    net: QuantizedNet, plan: BufferPlan, chosen: dict[str, Kernel]
) -> list[str]:
    """Only the kernels that this network calls."""
    weighted = [n for n in net.nodes if n.weight is not None]
    others = [n for n in net.nodes if n.weight is None]
    strides = strided(net)
    left = any(np.any(n.shift > 0) for n in weighted) or any(
        function(n).shifts_left(n) for n in others)
    texts = [kernels.PREAMBLE, kernels.HIGH_MULTIPLY, kernels.rescale_kernel(left),
             kernels.CLAMP]
    if weighted:
        texts.append(kernels.types(strides))
    kinds = {kernel.kind for kernel in chosen.values()}
    if kinds & {'gap', 'unpacked'}:
        texts += [kernels.DOT, *(() if strides else (kernels.DOT_2,))]
    if 'unpacked' in kinds:
        texts.append(kernels.UNPACK)
    texts += [layer_kernels.layer_kernel(kind, strides) for kind in layer_kernels.KINDS
              if kind in kinds]
    called = {name for n in others for name in function(n).helpers(net, plan, n)}
    return texts + [text for name, text in kernels.HELPERS.items() if name in called]


def _infer(
    net: QuantizedNet, plan: BufferPlan, chosen: dict[str, Kernel],
    symbols: dict[str, str],
) -> str:
    lines = ['', 'const int8_t *@infer(void)', '{']
    for node in net.nodes:
        lines.append(f'    /* {describe(net, node)} */')
        symbol = symbols[node.name]
        if node.weight is None:
            lines.append(f'    @{symbol}();')
            continue
        kernel = chosen[node.name]
        x, y = plan.offsets[node.inputs[0]], plan.offsets[node.name]
        call = f'    @layer_{kernel.kind}(&@{symbol}, @arena + {x}, @arena + {y}'
        if kernel.kind == 'unpacked':
            scratch = '0' if kernel.scratch is None \
                else f'(uint8_t *)@arena + {kernel.scratch}'
            call += f',\n        {scratch}'
        lines.append(call + ');')
    lines += [f'    return @arena + {plan.offsets[net.output]};', '}', '']
    return '\n'.join(lines)
