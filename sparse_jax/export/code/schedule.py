"""The order in which branches run, chosen for the least RAM."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from sparse_jax.export.code.buffers import plan_buffers
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode

_MOST_VISITS = 5000


def schedule(net: QuantizedNet) -> QuantizedNet:
    """The same network with its nodes in the order of the smallest arena.

    A branch that frees a large tensor had better run first. Orders are searched
    depth first, cutting those that already need more than the best one found.
    """
    order = _best_order(net)
    if order == tuple(range(len(net.nodes))):
        return net
    other = dataclasses.replace(net, nodes=tuple(net.nodes[i] for i in order))
    return min(net, other, key=lambda n: plan_buffers(n).arena)


def _best_order(net: QuantizedNet) -> tuple[int, ...]:
    nodes = net.nodes
    sizes = {name: int(np.prod(shape)) for name, shape in net.shapes.items()}
    readers = {name: {i for i, n in enumerate(nodes) if name in n.inputs}
               for name in sizes}
    best = _peak(nodes, range(len(nodes)), sizes, readers), tuple(range(len(nodes)))
    visits = 0
    stack: list[tuple[tuple[int, ...], frozenset[str], int]] = [
        ((), frozenset({'input'}), 0)]
    while stack and visits < _MOST_VISITS:
        done, live, peak = stack.pop()
        visits += 1
        if peak >= best[0]:
            continue
        if len(done) == len(nodes):
            best = peak, done
            continue
        made = {'input', *(nodes[i].name for i in done)}
        for i in reversed(range(len(nodes))):
            if i in done or not made.issuperset(nodes[i].inputs) \
                    or (i == len(nodes) - 1 and len(done) < i):
                continue
            after, used = _step(nodes, done, live, i, sizes, readers)
            stack.append(((*done, i), after, max(peak, used)))
    return best[1]


def _step(
    nodes: tuple[QuantizedNode, ...], done: tuple[int, ...], live: frozenset[str],
    i: int, sizes: dict[str, int], readers: dict[str, set[int]],
) -> tuple[frozenset[str], int]:
    """Tensors alive after node i, and bytes alive while it runs."""
    live = live | {nodes[i].name}
    used = sum(sizes[name] for name in live)
    finished = {*done, i}
    output = nodes[-1].name
    return frozenset(n for n in live
                     if n == output or not readers[n] <= finished), used


def _peak(
    nodes: tuple[QuantizedNode, ...], order: Iterable[int], sizes: dict[str, int],
    readers: dict[str, set[int]],
) -> int:
    done: tuple[int, ...] = ()
    live, peak = frozenset({'input'}), 0
    for i in order:
        live, used = _step(nodes, done, live, i, sizes, readers)
        done, peak = (*done, i), max(peak, used)
    return peak
