"""What operations on feature maps have in common."""

import numpy as np

from sparse_jax.export.operations.operation import TfliteGraph
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, kernel_of


def map_positions(net: QuantizedNet, node: QuantizedNode, maps: int) -> np.ndarray:
    """[maps * k * k] byte offsets of a window from its first input."""
    _, height, width = net.shapes[node.inputs[0]]
    k = kernel_of(node).shape[-1]
    c, i, j = np.meshgrid(np.arange(maps), np.arange(k), np.arange(k), indexing='ij')
    return (c * height * width + i * width + j).ravel()


def kernel_text(node: QuantizedNode) -> str:
    """' 3x3', and ' 3x3/2' with a stride of 2."""
    k = kernel_of(node).shape[-1]
    return f' {k}x{k}' + (f'/{node.stride}' if node.stride > 1 else '')


def map_loop(node: QuantizedNode, inner: list[str]) -> list[str]:
    """Lines that write the output of a node, map by map, after its pool.

    `inner` are the statements of one pixel before the pool: they declare `int32_t sum`
    from `c`, `row` and `column`. The sum is clamped and is the output.
    """
    maps, height, width = node.full_shape
    pool, loops = node.pool, [('c', maps)]
    if pool == 1:
        loops += [('row', height), ('column', width)]
        body = [*inner, f'*y++ = @clamp(sum, {node.low});']
    else:
        loops += [('i', height // pool), ('j', width // pool)]
        body = ['int32_t best = INT32_MIN;',
                f'for (int k = 0; k < {pool * pool}; ++k) {{',
                f'    const int row = i * {pool} + k / {pool};',
                f'    const int column = j * {pool} + k % {pool};',
                *(f'    {line}' for line in inner), '    if (sum > best)',
                '        best = sum;', '}', f'*y++ = @clamp(best, {node.low});']
    lines = []
    for depth, (name, count) in enumerate(loops, start=1):
        brace = ' {' if depth == len(loops) else ''
        lines.append(f'{"    " * depth}for (int {name} = 0; {name} < {count}; '
                     f'++{name}){brace}')
    indent = '    ' * (len(loops) + 1)
    return [*lines, *(indent + line for line in body), '    ' * len(loops) + '}']


def pooled_tensor(graph: TfliteGraph, node: QuantizedNode) -> int:
    """The tensor that a .tflite operator of feature maps writes, before its pool."""
    name = node.name if node.pool == 1 else f'{node.name}/full'
    return graph.activation(name, turned(node.full_shape), node.name)


def finish_pool(graph: TfliteGraph, node: QuantizedNode, full: int) -> None:
    """The pool of a node, if it has one, and the entry of its tensor."""
    graph.index[node.name] = full if node.pool == 1 \
        else graph.pool(full, node.name, node.pool)


def turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Our shape in the order of .tflite, with its batch axis."""
    return (1, *shape[1:], shape[0]) if len(shape) == 3 else (1, *shape)
