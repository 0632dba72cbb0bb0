"""Sum of vectors: a loop over elements; ADD. It may overwrite an input."""

from sparse_jax.export.errors import ExportError
from sparse_jax.export.operations.operation import (
    ExportOperation,
    Function,
    TfliteGraph,
    TfliteKind,
)
from sparse_jax.export.operations.plan import BufferPlan
from sparse_jax.quantize.quantized import (
    SUM_LEFT_SHIFT,
    QuantizedNet,
    QuantizedNode,
    summands,
)


def elementwise(net: QuantizedNet, plan: BufferPlan, node: QuantizedNode) -> list[str]:
    """Lines of the loop that adds equally shaped inputs."""
    size = plan.sizes[node.name]
    lines = [f'    for (int i = 0; i < {size}; ++i) {{', '        int32_t sum = 0;']
    for name, (m, s) in zip(node.inputs, summands(node)):
        lines.append(f'        sum += {summand(net, plan, name, "i", m, s)};')
    rescaled, output = finish(net, node)
    return [*lines, f'        {rescaled}', f'        y[i] = {output};', '    }']


def summand(
    net: QuantizedNet, plan: BufferPlan, name: str, index: str, m: int, s: int
) -> str:
    """One input's share of a sum, of the element at an index."""
    z = net.tensors[name].zero_point
    return (f'@rescale((@arena[{plan.offsets[name]} + {index}] - ({z})) '
            f'* (1 << {SUM_LEFT_SHIFT}), {m}, {s})')


def finish(net: QuantizedNet, node: QuantizedNode) -> tuple[str, str]:
    """(statement that rescales the sum, expression of the output)."""
    zero = net.tensors[node.name].zero_point
    return (f'sum = @rescale(sum, {node.multiplier[0]}, {node.shift[0]}) + ({zero});',
            f'@clamp(sum, {node.low})')


def _work(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    del net
    size = plan.sizes[node.name]
    return {'sums': size, 'summands': len(node.inputs) * size}


def _code(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    del net, plan
    return {'summands': len(node.inputs)}


def _helpers(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> tuple[str, ...]:
    del net, plan, node
    return ()


def add_tensors(graph: TfliteGraph, node: QuantizedNode, parts: list[int]) -> None:
    """ADD of two tensors of equal shape."""
    out = graph.activation(node.name, graph.shape(node.name), node.name)
    graph.add(TfliteKind('ADD', 'AddOptions',
                         {'FusedActivationFunction': int(node.relu)}, 2),
              tuple(parts), out)
    graph.index[node.name] = out


def refuse_but_two(node: QuantizedNode) -> None:
    """Raises ExportError unless there are two inputs."""
    if len(node.inputs) != 2:
        raise ExportError(f'{node.name}: .tflite adds exactly two tensors; allowed '
                          'for this network: the format c alone')


def _tflite(graph: TfliteGraph, node: QuantizedNode) -> None:
    refuse_but_two(node)
    add_tensors(graph, node, [graph.flat(name) for name in node.inputs])


SUM = ExportOperation(Function(elementwise, _tflite, _work, _code, _helpers),
                      reuse='overwrite')
