"""Mean of windows: a loop over pixels; AVERAGE_POOL_2D. It may overwrite its input."""

from sparse_jax.export.operations.maps import finish_pool, map_loop, pooled_tensor
from sparse_jax.export.operations.operation import (
    ExportOperation,
    Function,
    TfliteGraph,
    TfliteKind,
)
from sparse_jax.export.operations.plan import BufferPlan
from sparse_jax.quantize.operations.average_pool import window
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode


def _window_text(node: QuantizedNode) -> str:
    return f' {node.kernel}x{node.kernel}'


def _body(net: QuantizedNet, plan: BufferPlan, node: QuantizedNode) -> list[str]:
    name = node.inputs[0]
    _, height, width = net.shapes[name]
    high, wide = window(node, net.shapes[name])
    count = high * wide
    return map_loop(node, [
        f'const int8_t *x = @arena + {plan.offsets[name]}',
        f'    + (c * {height} + row * {high}) * {width} + column * {wide};',
        'int32_t sum = 0;',
        f'for (int r = 0; r < {high}; ++r, x += {width})',
        f'    for (int q = 0; q < {wide}; ++q)',
        '        sum += x[q];',
        f'sum = (sum > 0 ? sum + {count // 2} : sum - {count // 2}) / {count};'])


def _work(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    """Every mean that the pool reads is taken."""
    del plan
    maps, height, width = net.shapes[node.name]
    high, wide = window(node, net.shapes[node.inputs[0]])
    means = maps * height * width * node.pool**2
    return {'means': means, 'mean_rows': means * high, 'averaged': means * high * wide}


def _code(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    del net, plan, node
    return {'means': 1}


def _helpers(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> tuple[str, ...]:
    del net, plan, node
    return ()


def _tflite(graph: TfliteGraph, node: QuantizedNode) -> None:
    high, wide = window(node, graph.net.shapes[node.inputs[0]])
    out = pooled_tensor(graph, node)
    graph.add(TfliteKind('AVERAGE_POOL_2D', 'Pool2DOptions', {
        'Padding': 1, 'StrideW': wide, 'StrideH': high, 'FilterWidth': wide,
        'FilterHeight': high, 'FusedActivationFunction': int(node.relu)}, 2),
        (graph.index[node.inputs[0]],), out)
    finish_pool(graph, node, out)


AVERAGE_POOL = ExportOperation(
    Function(_body, _tflite, _work, _code, _helpers), reuse='overwrite',
    window=_window_text)
