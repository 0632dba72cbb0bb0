"""C text of one weighted layer: its constant tables and its descriptor."""

import re

import numpy as np

from sparse_jax.export.code.formats import Encoded
from sparse_jax.export.operations import find, layout
from sparse_jax.quantize.quantized import (
    QuantizedNet,
    QuantizedNode,
    UnfitNetworkError,
    kernel_of,
)

LAYER_STRUCT_BYTES = 44
"""sizeof(layer) with 32-bit pointers."""
REQUANTISED_BYTES = 9
"""Of a channel beside its weights: bias and multiplier of four bytes, and a shift."""

TABLES = ('weights', 'index', 'gather', 'requant', 'shift')
"""Suffixes of the constant tables of a layer."""


def _array(declaration: str, values: np.ndarray, per_line: int = 16) -> str:
    texts = [str(int(v)) for v in values]
    lines = [', '.join(texts[i : i + per_line])
             for i in range(0, len(texts), per_line)]
    body = ',\n    '.join(lines)
    return f'static const {declaration}[{len(values)}] = {{\n    {body}}};\n'


def layer_tables(
    net: QuantizedNet, node: QuantizedNode, encoded: Encoded, symbol: str, unpack: bool
) -> str:
    """The constant tables and the descriptor of one weighted layer."""
    zero = net.tensors[node.inputs[0]].zero_point
    weight = kernel_of(node).astype(np.int64)
    sums = weight.reshape(len(weight), -1).sum(axis=1)
    folded = np.asarray(node.bias, np.int64) - zero * sums
    requant = np.stack([folded, node.multiplier.astype(np.int64)], axis=1).ravel()
    text = f'\n/* {describe(net, node)}\n   {_density(node)}, stored as ' \
           f'{encoded.format}: {encoded.bytes} bytes. */\n'
    text += _array(f'int32_t @{symbol}_requant', requant, 6)
    text += _array(f'int8_t @{symbol}_shift', node.shift)
    pointers = []
    for part in ('weights', 'index', 'gather'):
        values = getattr(encoded, part)
        if len(values):
            text += _array(f'uint8_t @{symbol}_{part}', values)
        pointers.append(f'@{symbol}_{part}' if len(values) else '0')
    numbers = layer_numbers(net, node, 0 if unpack else encoded.count_bytes)
    return text + (
        f'static const @layer @{symbol} = {{\n'
        f'    @{symbol}_requant, @{symbol}_shift, {", ".join(pointers)},\n'
        f'    {", ".join(str(v) for v in numbers)}}};\n')


def strided(net: QuantizedNet) -> bool:
    """Whether a layer has a stride: only then its loops read one."""
    return any(node.stride > 1 for node in net.nodes)


def layer_numbers(
    net: QuantizedNet, node: QuantizedNode, count_bytes: int
) -> list[int]:
    """The integer fields of the layer descriptor, in the order of kernels.TYPES."""
    zero = net.tensors[node.name].zero_point
    words = [len(kernel_of(node)), *layout(node).extents(net, node)]
    if max(words) > 0xFFFF:
        raise UnfitNetworkError(f'layer {node.name}: a dimension exceeds 65535')
    if max(node.pool, node.stride) > 0xFF:
        raise UnfitNetworkError(f'layer {node.name}: a pool or stride exceeds 255')
    steps = [node.pool, node.stride] if strided(net) else [node.pool]
    return [*words, *steps, count_bytes, zero, node.low]


def describe(net: QuantizedNet, node: QuantizedNode) -> str:
    """One line: name, operation, shapes."""
    def shape(name: str) -> str:
        return 'x'.join(str(v) for v in net.shapes[name])

    inputs = ', '.join(f'{n} {shape(n)}' for n in node.inputs)
    gathered = '' if node.gather is None else f', {len(node.gather)} inputs gathered'
    pool = f', max-pool {node.pool}' if node.pool > 1 else ''
    relu = ', relu' if node.relu else ''
    text = (f'{node.name}: {node.op}{find(node.op).window(node)} of {inputs}{gathered}'
            f'{relu}{pool} -> {shape(node.name)}')
    # The line goes into C comments: a name must not end one.
    return re.sub(r'[^\w .,:>/()-]|/(?=\*)', '_', text)


def _density(node: QuantizedNode) -> str:
    weight = kernel_of(node)
    return f'{np.count_nonzero(weight)} of {weight.size} weights'


def table_bytes(node: QuantizedNode, encoded: Encoded) -> dict[str, int]:
    """{part: bytes} of a layer's constant tables as written in the source."""
    count = len(kernel_of(node))
    return {'weights': len(encoded.weights), 'index': len(encoded.index),
            'gather': len(encoded.gather), 'requant': 8 * count, 'shift': count,
            'descriptor': LAYER_STRUCT_BYTES}
