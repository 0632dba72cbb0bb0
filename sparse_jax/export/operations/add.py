"""Sum of feature maps: a loop over pixels; ADD. It may overwrite an input.

.tflite adds two tensors of equal shape: what is cropped is cut out by STRIDED_SLICE,
missing maps are put in by PAD.
"""

import numpy as np

from sparse_jax.export.operations.maps import (
    finish_pool,
    map_loop,
    pooled_tensor,
    turned,
)
from sparse_jax.export.operations.operation import (
    ExportOperation,
    Function,
    TfliteGraph,
    TfliteKind,
)
from sparse_jax.export.operations.plan import BufferPlan
from sparse_jax.export.operations.sum import (
    elementwise,
    finish,
    refuse_but_two,
    summand,
)
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, summands


def _is_flat(net: QuantizedNet, node: QuantizedNode) -> bool:
    """Whether the sum is one of equal vectors."""
    return node.pool == 1 and all(
        net.shapes[name] == node.full_shape for name in node.inputs)


def _corner(shape: tuple[int, ...], node: QuantizedNode) -> tuple[int, int]:
    """(top, left) of the middle that is added."""
    _, height, width = node.full_shape
    return (shape[1] - height) // 2, (shape[2] - width) // 2


def _body(net: QuantizedNet, plan: BufferPlan, node: QuantizedNode) -> list[str]:
    if _is_flat(net, node):
        return elementwise(net, plan, node)
    lines = ['int32_t sum = 0;']
    for name, (m, s) in zip(node.inputs, summands(node)):
        maps, height, width = net.shapes[name]
        top, left = _corner(net.shapes[name], node)
        place = f'(c * {height} + row + {top}) * {width} + column + {left}'
        share = f'sum += {summand(net, plan, name, place, m, s)};'
        if maps < node.full_shape[0]:
            lines += [f'if (c < {maps})', f'    {share}']
        else:
            lines.append(share)
    rescaled, _ = finish(net, node)
    return map_loop(node, [*lines, rescaled])


def _work(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    """Every pixel that the pool reads is summed."""
    del plan
    maps, height, width = net.shapes[node.name]
    pixels = height * width * node.pool**2
    read = sum(min(net.shapes[name][0], maps) for name in node.inputs) * pixels
    return {'sums': maps * pixels, 'summands': read,
            'placed': 0 if _is_flat(net, node) else read}


def _code(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    del plan
    count = len(node.inputs)
    return {'summands': count, 'placed': 0 if _is_flat(net, node) else count}


def _helpers(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> tuple[str, ...]:
    del net, plan, node
    return ()


def _tflite(graph: TfliteGraph, node: QuantizedNode) -> None:
    refuse_but_two(node)
    parts = tuple(_same_shape(graph, node, name) for name in node.inputs)
    out = pooled_tensor(graph, node)
    graph.add(TfliteKind('ADD', 'AddOptions',
                         {'FusedActivationFunction': int(node.relu)}, 2), parts, out)
    finish_pool(graph, node, out)


def _same_shape(graph: TfliteGraph, node: QuantizedNode, name: str) -> int:
    """An input cropped to the height and width of the sum, with all its maps."""
    shape, current = graph.net.shapes[name], graph.index[name]
    maps, height, width = node.full_shape
    if shape[1:] != (height, width):
        top, left = _corner(shape, node)
        ends = (('begin', (0, top, left, 0)),
                ('end', (1, top + height, left + width, shape[0])),
                ('strides', (1, 1, 1, 1)))
        cuts = [graph.constant(f'{node.name}/{name}/{end}', np.array(v, np.int32))
                for end, v in ends]
        cut = graph.activation(f'{node.name}/{name}/middle',
                               turned((shape[0], height, width)), name)
        graph.add(TfliteKind('STRIDED_SLICE', 'StridedSliceOptions', {}, 2),
                  (current, *cuts), cut)
        current = cut
    if shape[0] < maps:
        missing = np.array([[0, 0], [0, 0], [0, 0], [0, maps - shape[0]]], np.int32)
        padding = graph.constant(f'{node.name}/{name}/missing', missing)
        full = graph.activation(f'{node.name}/{name}/all', turned(node.full_shape),
                                name)
        graph.add(TfliteKind('PAD', 'PadOptions', {}, 2), (current, padding), full)
        current = full
    return current


ADD = ExportOperation(Function(_body, _tflite, _work, _code, _helpers),
                      reuse='overwrite')
