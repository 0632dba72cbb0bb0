"""Where every tensor lies in the static arena, and the exact bytes of RAM it takes.

Tensors live from the step that writes them to the last step that reads them; step 0
writes the image, step i + 1 runs node i. Two tensors share bytes only if their lives
do not overlap, with two exceptions, which the table of operations names: inputs may be
written straight into the output that joins them, and an output may overwrite an input
that nobody reads later.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.export.operations import SUMS, BufferPlan, find
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, summands


class _Span(NamedTuple):
    """A tensor within a block: bytes [first, last) during steps [start, end]."""

    first: int
    last: int
    start: int
    end: int


@dataclasses.dataclass
class _Block:
    """Tensors at fixed offsets to each other."""

    spans: dict[str, _Span]

    @property
    def size(self) -> int:
        return max(span.last for span in self.spans.values())

    @property
    def start(self) -> int:
        return min(span.start for span in self.spans.values())

    @property
    def end(self) -> int:
        return max(span.end for span in self.spans.values())

    def add(self, name: str, span: _Span, offset: int) -> None:
        self.spans[name] = span._replace(first=span.first + offset,
                                         last=span.last + offset)


def plan_buffers(net: QuantizedNet) -> BufferPlan:
    """The smallest arena found over in-place choices and placement orders."""
    sizes = {name: int(np.prod(shape)) for name, shape in net.shapes.items()}
    life = lifetimes(net)
    if net.averages:
        maps, _, width = net.shapes['input']
        sizes[SUMS], life[SUMS] = 2 * maps * width, (0, 0)
    merges = [n.name for n in net.nodes if find(n.op).reuse != 'none']
    choices = [(True,) * len(merges), (False,) * len(merges)]
    if len(merges) <= 4:
        choices = sorted(itertools.product((True, False), repeat=len(merges)),
                         reverse=True)
    found = []
    for choice in choices:
        allowed = {name for name, use in zip(merges, choice) if use}
        blocks = _merge_blocks(net, sizes, life, allowed)
        found.append((*_place(blocks), blocks))
    arena, places, blocks = min(found, key=lambda plan: plan[0])
    offsets = {name: place + span.first for block, place in zip(blocks, places)
               for name, span in block.spans.items()}
    shared = tuple(name for block in blocks if len(block.spans) > 1
                   for name in block.spans)
    names = ('input', *(node.name for node in net.nodes))
    live = {step: tuple(n for n in life if life[n][0] <= i <= life[n][1])
            for i, step in enumerate(names)}
    return BufferPlan(arena, _most_alive(blocks), offsets, sizes, live, shared)


def idle_offset(plan: BufferPlan, step: str, size: int) -> int | None:
    """Offset of `size` arena bytes that no tensor uses at a step, if there are."""
    spans = sorted((plan.offsets[n], plan.offsets[n] + plan.sizes[n])
                   for n in plan.live[step])
    free = 0
    for start, end in [*spans, (plan.arena, plan.arena)]:
        if start - free >= size:
            return free
        free = max(free, end)
    return None


def lifetimes(net: QuantizedNet) -> dict[str, tuple[int, int]]:
    """{tensor: (step that writes it, last step that reads it)}."""
    life = {'input': (0, 0)}
    for step, node in enumerate(net.nodes, start=1):
        life[node.name] = (step, step)
        for name in node.inputs:
            life[name] = (life[name][0], step)
    return life


def _merge_blocks(
    net: QuantizedNet, sizes: dict[str, int], life: dict[str, tuple[int, int]],
    allowed: set[str],
) -> list[_Block]:
    """One block per tensor, then united where `allowed` merges can work in place."""
    owner = {name: _Block({name: _Span(0, sizes[name], *life[name])})
             for name in sizes}
    for node in net.nodes:
        if node.name in allowed and find(node.op).reuse == 'join':
            _join_concatenation(net, node, owner, sizes)
    for node in net.nodes:
        if node.name in allowed and find(node.op).reuse == 'overwrite':
            _overwrite_input(node, owner, sizes, life)
    unique = {id(block): block for block in owner.values()}
    return list(unique.values())


def can_skip_copy(net: QuantizedNet, node: QuantizedNode, index: int) -> bool:
    """Whether input `index` of a concatenation could be written straight into it."""
    relu_of = {n.name: n.relu for n in net.nodes}
    name = node.inputs[index]
    return (name != 'input' and summands(node)[index][0] == 0
            and node.inputs.count(name) == 1
            and (not node.relu or relu_of[name]))


def _join_concatenation(
    net: QuantizedNet, node: QuantizedNode, owner: dict[str, _Block],
    sizes: dict[str, int],
) -> None:
    block, offset = owner[node.name], 0
    for index, name in enumerate(node.inputs):
        child = owner[name]
        if can_skip_copy(net, node, index) and child.size == sizes[name]:
            for tensor, span in child.spans.items():
                block.add(tensor, span, offset)
                owner[tensor] = block
        offset += sizes[name]


def _overwrite_input(
    node: QuantizedNode, owner: dict[str, _Block], sizes: dict[str, int],
    life: dict[str, tuple[int, int]],
) -> None:
    step, block = life[node.name][0], owner[node.name]
    if len(block.spans) > 1:
        return
    for name in node.inputs:
        target = owner[name]
        others_dead = all(span.end < step for other, span in target.spans.items()
                          if other != name)
        fits = sizes[node.name] <= sizes[name]
        if life[name][1] == step and others_dead and fits:
            target.add(node.name, block.spans[node.name], target.spans[name].first)
            owner[node.name] = target
            return


def _most_alive(blocks: list[_Block]) -> int:
    steps = range(1 + max(block.end for block in blocks))
    return max(sum(_alive(block, step) for block in blocks) for step in steps)


def _alive(block: _Block, step: int) -> int:
    """Bytes of a block in use at a step."""
    used = end = 0
    for span in sorted(block.spans.values()):
        if span.start <= step <= span.end:
            used += max(0, span.last - max(span.first, end))
            end = max(end, span.last)
    return used


def _place(blocks: list[_Block]) -> tuple[int, list[int]]:
    """(arena bytes, offset of each block): the best of several first-fit orders."""
    bound, found = _most_alive(blocks), []
    for order in _orders(blocks):
        places = _first_fit(blocks, order)
        arena = max(p + b.size for p, b in zip(places, blocks))
        found.append((arena, places))
        if arena == bound:
            break
    return min(found, key=lambda pair: pair[0])


def _orders(blocks: list[_Block]) -> Iterator[Sequence[int]]:
    indices = range(len(blocks))
    yield sorted(indices, key=lambda i: (-blocks[i].size, blocks[i].start))
    yield sorted(indices, key=lambda i: (blocks[i].start, -blocks[i].size))
    yield sorted(indices, key=lambda i: (blocks[i].start - blocks[i].end))
    if len(blocks) <= 6:
        yield from itertools.permutations(indices)
    else:
        rng = np.random.default_rng(0)
        yield from (rng.permutation(len(blocks)).tolist() for _ in range(300))


def _first_fit(blocks: list[_Block], order: Sequence[int]) -> list[int]:
    """Offset of each block: the lowest that is free when it is its turn."""
    places = [0] * len(blocks)
    placed = []
    for i in order:
        places[i] = _lowest(blocks[i], placed)
        placed += [span._replace(first=span.first + places[i],
                                 last=span.last + places[i])
                   for span in blocks[i].spans.values()]
    return places


def _lowest(block: _Block, placed: list[_Span]) -> int:
    """The lowest offset at which no two tensors alive together share a byte."""
    forbidden = sorted(
        (other.first - span.last, other.last - span.first)
        for span in block.spans.values() for other in placed
        if span.start <= other.end and other.start <= span.end)
    offset = 0
    for low, high in forbidden:
        if offset <= low:
            break
        offset = max(offset, high)
    return offset
