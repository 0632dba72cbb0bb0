"""Concatenation: copies of what could not be written in place; CONCATENATION."""

import math

from sparse_jax.export.errors import ExportError
from sparse_jax.export.operations.operation import (
    ExportOperation,
    Function,
    TfliteGraph,
    TfliteKind,
)
from sparse_jax.export.operations.plan import BufferPlan
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, summands


def copies(plan: BufferPlan, node: QuantizedNode) -> list[tuple[int, int]]:
    """[(input index, offset within the output)] that a concatenation must copy."""
    todo, offset = [], 0
    for index, name in enumerate(node.inputs):
        if plan.offsets[name] != plan.offsets[node.name] + offset \
                or name not in plan.in_place:
            todo.append((index, offset))
        offset += plan.sizes[name]
    return todo


def needs_raise(net: QuantizedNet, node: QuantizedNode) -> bool:
    """Whether a concatenation's own ReLU changes anything."""
    relu_of = {n.name: n.relu for n in net.nodes}
    return node.relu and not all(relu_of.get(name, False) for name in node.inputs)


def _body(net: QuantizedNet, plan: BufferPlan, node: QuantizedNode) -> list[str]:
    lines, zero = [], net.tensors[node.name].zero_point
    for index, offset in copies(plan, node):
        name, (m, s) = node.inputs[index], summands(node)[index]
        target = f'@arena + {plan.offsets[name]}, y + {offset}, {plan.sizes[name]}'
        z = net.tensors[name].zero_point
        lines.append(f'    @copy({target});' if m == 0 else
                     f'    @copy_rescaled({target}, {z}, {m}, {s}, {zero});')
    raised = f'    @raise(y, {plan.sizes[node.name]}, {node.low});'
    return [*lines, raised if needs_raise(net, node) else '    (void)y;']


def _work(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    del net
    work = {'copied': 0.0, 'rescaled': 0.0}
    for index, _ in copies(plan, node):
        key = 'rescaled' if summands(node)[index][0] else 'copied'
        work[key] += plan.sizes[node.inputs[index]]
    return work


def _code(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> dict[str, float]:
    code = {'copied': 0.0, 'rescaled': 0.0, 'raised': float(needs_raise(net, node))}
    for index, _ in copies(plan, node):
        code['rescaled' if summands(node)[index][0] else 'copied'] += 1
    return code


def _helpers(
    net: QuantizedNet, plan: BufferPlan, node: QuantizedNode
) -> tuple[str, ...]:
    used = {'copy_rescaled' if summands(node)[index][0] else 'copy'
            for index, _ in copies(plan, node)}
    return (*used, 'raise') if needs_raise(net, node) else tuple(used)


def _shifts_left(node: QuantizedNode) -> bool:
    return any(shift > 0 for _, shift in summands(node))


def _tflite(graph: TfliteGraph, node: QuantizedNode) -> None:
    if needs_raise(graph.net, node):
        raise ExportError(f'{node.name}: .tflite has no int8 ReLU after '
                          'a concatenation')
    parts = []
    for name, (multiplier, _) in zip(node.inputs, summands(node)):
        part = graph.flat(name)
        if multiplier:
            size = math.prod(graph.net.shapes[name])
            scaled = graph.activation(f'{node.name}/{name}', (1, size), node.name)
            graph.add(TfliteKind('QUANTIZE', 'QuantizeOptions', {}, 2), (part,), scaled)
            part = scaled
        parts.append(part)
    out = graph.activation(node.name, graph.shape(node.name), node.name)
    graph.add(TfliteKind('CONCATENATION', 'ConcatenationOptions', {'Axis': 1}, 2),
              tuple(parts), out)
    graph.index[node.name] = out


CONCATENATE = ExportOperation(
    Function(_body, _tflite, _work, _code, _helpers, _shifts_left), reuse='join')
