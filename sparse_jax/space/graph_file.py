"""Networks outside the searched space, as JSON files of their nodes.

    {"input_shape": [28, 28, 1],
     "nodes": [{"name": "fc1", "op": "dense", "inputs": ["input"], "channels": 300},
               {"name": "classifier", "op": "dense", "inputs": ["fc1"],
                "channels": 10, "relu": false}]}

The keys are the fields of `architecture.Graph` and `architecture.Node`.
"""

import dataclasses
from typing import Any

from sparse_jax import ops
from sparse_jax.ops import OPERATIONS
from sparse_jax.ops.operation import Shape
from sparse_jax.space.architecture import CLASSIFIER, MOST_AVERAGED, Graph, Node
from sparse_jax.space.network_file import NetworkFileError
from sparse_jax.space.sparse_space import POOL_TYPES

_POSITIVE = 'a whole number of at least 1'
_GRAPH = ('input_shape', 'downsample', 'downsample_type', 'squeeze_depth', 'nodes')

_NODE = {'name': str, 'op': str, 'inputs': list, 'channels': int, 'kernel': int,
         'stride': int, 'relu': bool, 'batch_norm': bool, 'pool': int}
_REQUIRED = ('name', 'op', 'inputs', 'channels')


def is_graph(document: Any) -> bool:
    """Whether a JSON document lists nodes, rather than values of the table."""
    return isinstance(document, dict) and 'nodes' in document


def parse(document: dict, *, fold_binary: bool = True) -> Graph:
    """The exact graph of a document.

    Args:
      document: read from JSON.
      fold_binary: how two classes are counted, see `Graph`; no key of the file.

    Raises:
      NetworkFileError: unknown key, wrong value, or nodes that make no network.
    """
    _known(document, _GRAPH, 'the network')
    shape, nodes = document.get('input_shape'), document['nodes']
    if not (isinstance(shape, list) and len(shape) == 3 and all(map(_positive, shape))):
        raise _wrong('input_shape', shape, '[height, width, channels]')
    downsample = document.get('downsample', 1)
    if not _positive(downsample) or downsample > min(shape[:2]):
        raise _wrong('downsample', downsample, f'1 to {min(shape[:2])}')
    kind = document.get('downsample_type', 'max')
    if kind not in POOL_TYPES:
        raise _wrong('downsample_type', kind, ', '.join(POOL_TYPES))
    if kind == 'average' and downsample > MOST_AVERAGED:
        raise _wrong('downsample', downsample, f'1 to {MOST_AVERAGED} for an average')
    squeeze = document.get('squeeze_depth', False)
    if not isinstance(squeeze, bool):
        raise _wrong('squeeze_depth', squeeze, 'true, false')
    if not isinstance(nodes, list) or not nodes:
        raise _wrong('nodes', nodes, 'a list of one node or more')
    graph = Graph(tuple(shape), downsample, squeeze, (), fold_binary, kind)
    for node in nodes:
        graph = _with(graph, node)
    last = graph.nodes[-1]
    if (last.name, last.op, last.relu) != (CLASSIFIER, 'dense', False):
        raise NetworkFileError(
            f'the last node is {last.name!r}; allowed: {CLASSIFIER!r}, of op dense, '
            'with relu false')
    return graph


def _with(graph: Graph, document: Any) -> Graph:
    """The graph with one node more, checked against those before it."""
    if not isinstance(document, dict):
        raise _wrong('nodes', document, 'a list of objects')
    name: Any = document.get('name')
    _known(document, tuple(_NODE), f'node {name!r:.60}')
    for key in _REQUIRED:
        if key not in document:
            raise NetworkFileError(f'node {name!r:.60}: missing key {key!r}')
    for key, value in document.items():
        fine = _positive(value) if _NODE[key] is int else isinstance(value, _NODE[key])
        if not fine:
            allowed = {str: 'a text', list: 'a list of tensors', int: _POSITIVE,
                       bool: 'true, false'}[_NODE[key]]
            raise _wrong(f'node {name!r:.60}: {key}', value, allowed)
    known = [op for op, entry in OPERATIONS.items() if entry.form is not None]
    if document['op'] not in known:
        raise _wrong(f'node {name!r}: op', document['op'], ', '.join(known))
    before = graph.shapes()
    if name in before:
        raise NetworkFileError(f'node {name!r}: the name is taken')
    for source in document['inputs']:
        if not isinstance(source, str) or source not in before:
            raise _wrong(f'node {name!r}: input', source, ', '.join(before))
    node = _node(document)
    _check_operation(node, [before[source] for source in node.inputs])
    grown = dataclasses.replace(graph, nodes=(*graph.nodes, node))
    if min(grown.shapes()[name]) < 1:
        raise NetworkFileError(
            f'node {name!r}: its kernel of {node.kernel} and pool of {node.pool} leave '
            f'nothing of {"x".join(map(str, before[node.inputs[0]][1:]))} pixels')
    return grown


def _node(document: dict) -> Node:
    """The node of a document whose keys and values are right one by one."""
    fields: dict[str, Any] = {'relu': not OPERATIONS[document['op']].plain, 'kernel': 1}
    fields |= document
    fields |= {'inputs': tuple(document['inputs']), 'kernel_low': fields['kernel']}
    return Node(**fields)


def _check_operation(node: Node, shapes: list[Shape]) -> None:
    """Refuse tensors that an operation cannot read, and what cannot follow it."""
    operation = ops.find(node.op)
    allowed = ops.form(node).refusal(node, shapes)
    if allowed:
        raise NetworkFileError(
            f'node {node.name!r}: {node.op} cannot read {list(node.inputs)}; allowed: '
            f'{allowed}')
    for key, never in (('relu', operation.plain),
                       ('batch_norm', operation.weights is None)):
        if never and getattr(node, key):
            raise _wrong(f'node {node.name!r}: {key}', True, f'false for op {node.op}')
    slides = operation.weights is not None and operation.weights.convolves
    if node.stride > 1 and not slides:
        raise _wrong(f'node {node.name!r}: stride', node.stride, f'1 for op {node.op}')
    if node.stride > max(shapes[0][1:], default=1):
        # Beyond the image there is nothing to step over; a lowering may fill it up.
        raise _wrong(f'node {node.name!r}: stride', node.stride,
                     f'1 to {max(shapes[0][1:])}, the side of what it reads')


def _known(document: dict, allowed: tuple[str, ...], where: str) -> None:
    for key in document:
        if key not in allowed:
            raise NetworkFileError(f'{where}: unknown key {key!r:.60}; allowed: '
                                   f'{", ".join(allowed)}')


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _wrong(what: str, value: Any, allowed: str) -> NetworkFileError:
    return NetworkFileError(f'{what}: {value!r:.60} is not allowed; allowed: {allowed}')
