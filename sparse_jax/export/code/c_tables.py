"""C text of one weighted layer: its constant tables and its descriptor."""

import re

import numpy as np

from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, UnfitNetworkError

LAYER_STRUCT_BYTES = 44
"""sizeof(layer) with 32-bit pointers."""

TABLES = ('weights', 'index', 'gather', 'requant', 'shift')
"""Suffixes of the constant tables of a layer."""


def _array(declaration, values, per_line=16):
    values = [str(int(v)) for v in values]
    lines = [', '.join(values[i : i + per_line])
             for i in range(0, len(values), per_line)]
    body = ',\n    '.join(lines)
    return f'static const {declaration}[{len(values)}] = {{\n    {body}}};\n'


def layer_tables(net, node, encoded, symbol, unpack):
    """The constant tables and the descriptor of one weighted layer."""
    zero = net.tensors[node.inputs[0]].zero_point
    sums = node.weight.reshape(len(node.weight), -1).astype(np.int64).sum(axis=1)
    folded = node.bias.astype(np.int64) - zero * sums
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


def layer_numbers(net: QuantizedNet, node: QuantizedNode, count_bytes: int) -> list:
    """The integer fields of the layer descriptor, in the order of kernels.TYPES."""
    zero = net.tensors[node.name].zero_point
    if node.op == 'dense':
        out, step, plane, width = (len(node.weight), 1, 1), 0, 0, 0
        extent = 1, 1, node.weight.shape[1]
    else:
        out = net.shapes[node.name]
        _, height, width = net.shapes[node.inputs[0]]
        plane, k = height * width, node.weight.shape[-1]
        step = plane if node.op == 'depthwise' else 0
        extent = (1 if step else node.weight.shape[1]), k, k
    words = [len(node.weight), step, plane, width, *extent, out[1], out[2]]
    if max(words) > 0xFFFF or node.pool > 0xFF:
        raise UnfitNetworkError(f'layer {node.name}: a dimension exceeds 65535')
    return [*words, node.pool, count_bytes, zero, node.low]


def describe(net: QuantizedNet, node: QuantizedNode) -> str:
    """One line: name, operation, shapes."""
    def shape(name):
        return 'x'.join(str(v) for v in net.shapes[name])

    inputs = ', '.join(f'{n} {shape(n)}' for n in node.inputs)
    size = f' {node.weight.shape[-1]}x{node.weight.shape[-1]}' \
        if node.op in ('conv', 'depthwise') else ''
    gathered = '' if node.gather is None else f', {len(node.gather)} inputs gathered'
    pool = f', max-pool {node.pool}' if node.pool > 1 else ''
    relu = ', relu' if node.relu else ''
    text = f'{node.name}: {node.op}{size} of {inputs}{gathered}{relu}{pool} -> ' \
           f'{shape(node.name)}'
    # The line goes into C comments: a name must not end one.
    return re.sub(r'[^\w .,:>/()-]|/(?=\*)', '_', text)


def _density(node):
    return f'{np.count_nonzero(node.weight)} of {node.weight.size} weights'
