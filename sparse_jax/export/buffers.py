"""Where every tensor lies in the static arena, and the exact bytes of RAM it takes.

Tensors live from the step that writes them to the last step that reads them; step 0
writes the image, step i + 1 runs node i. Two tensors share bytes only if their lives
do not overlap, with two exceptions that need no copy: the inputs of a concatenation
may be written straight into its output, and a sum may overwrite one of its inputs.
"""

import dataclasses
import itertools

import numpy as np

from sparse_jax.quantize.quantized import QuantizedNet


@dataclasses.dataclass(frozen=True)
class BufferPlan:
    """`offsets` and `sizes` {tensor: bytes}, `live` {step: (tensors)}, by step name.

    `lower_bound` is the most bytes alive at once: no plan can be smaller.
    `in_place` lists the tensors that share bytes with another one on purpose.
    """

    arena: int
    lower_bound: int
    offsets: dict[str, int]
    sizes: dict[str, int]
    live: dict[str, tuple[str, ...]]
    in_place: tuple[str, ...]


@dataclasses.dataclass
class _Block:
    """Contiguous bytes that hold tensors at fixed offsets within them."""

    size: int
    start: int
    end: int
    tensors: dict[str, int]


def plan_buffers(net: QuantizedNet) -> BufferPlan:
    """The smallest arena found over in-place choices and placement orders."""
    sizes = {name: int(np.prod(shape)) for name, shape in net.shapes.items()}
    life = lifetimes(net)
    merges = [n.name for n in net.nodes if n.op in ('sum', 'concatenate')]
    choices = [(True,) * len(merges), (False,) * len(merges)]
    if len(merges) <= 4:
        choices = sorted(itertools.product((True, False), repeat=len(merges)),
                         reverse=True)
    best = None
    for choice in choices:
        allowed = {name for name, use in zip(merges, choice) if use}
        blocks = _merge_blocks(net, sizes, life, allowed)
        arena, places = _place(blocks)
        if best is None or arena < best[0]:
            best = arena, places, blocks
    arena, places, blocks = best
    offsets = {name: place + inner for block, place in zip(blocks, places)
               for name, inner in block.tensors.items()}
    shared = tuple(name for block in blocks if len(block.tensors) > 1
                   for name in block.tensors)
    names = ('input', *(node.name for node in net.nodes))
    live = {step: tuple(n for n in names if life[n][0] <= i <= life[n][1])
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


def _merge_blocks(net, sizes, life, allowed):
    """One block per tensor, then united where `allowed` merges can work in place."""
    owner = {name: _Block(sizes[name], *life[name], {name: 0}) for name in sizes}
    for node in net.nodes:
        if node.name in allowed and node.op == 'concatenate':
            _join_concatenation(net, node, owner, sizes)
    for node in net.nodes:
        if node.name in allowed and node.op == 'sum':
            _join_sum(node, owner, life)
    unique = {id(block): block for block in owner.values()}
    return list(unique.values())


def can_skip_copy(net: QuantizedNet, node, index: int) -> bool:
    """Whether input `index` of a concatenation could be written straight into it."""
    relu_of = {n.name: n.relu for n in net.nodes}
    name = node.inputs[index]
    return (name != 'input' and node.input_multiplier[index] == 0
            and node.inputs.count(name) == 1
            and (not node.relu or relu_of[name]))


def _join_concatenation(net, node, owner, sizes):
    block, offset = owner[node.name], 0
    for index, name in enumerate(node.inputs):
        child = owner[name]
        if can_skip_copy(net, node, index) and child.size == sizes[name]:
            for tensor, inner in child.tensors.items():
                block.tensors[tensor] = offset + inner
                owner[tensor] = block
            block.start = min(block.start, child.start)
            block.end = max(block.end, child.end)
        offset += sizes[name]


def _join_sum(node, owner, life):
    step, block = life[node.name][0], owner[node.name]
    if len(block.tensors) > 1:
        return
    for name in node.inputs:
        target = owner[name]
        if life[name][1] == step and list(target.tensors) == [name]:
            target.tensors[node.name] = 0
            target.end = max(target.end, block.end)
            owner[node.name] = target
            return


def _most_alive(blocks):
    steps = range(1 + max(block.end for block in blocks))
    return max(sum(b.size for b in blocks if b.start <= s <= b.end) for s in steps)


def _place(blocks):
    """(arena bytes, offset of each block): the best of several first-fit orders."""
    bound, best = _most_alive(blocks), None
    for order in _orders(blocks):
        places = _first_fit(blocks, order)
        arena = max(p + b.size for p, b in zip(places, blocks))
        if best is None or arena < best[0]:
            best = arena, places
        if arena == bound:
            break
    return best


def _orders(blocks):
    indices = range(len(blocks))
    yield sorted(indices, key=lambda i: (-blocks[i].size, blocks[i].start))
    yield sorted(indices, key=lambda i: (blocks[i].start, -blocks[i].size))
    yield sorted(indices, key=lambda i: (blocks[i].start - blocks[i].end))
    if len(blocks) <= 6:
        yield from itertools.permutations(indices)
    else:
        rng = np.random.default_rng(0)
        yield from (rng.permutation(len(blocks)) for _ in range(300))


def _first_fit(blocks, order):
    places = [0] * len(blocks)
    placed = []
    for i in order:
        block, offset = blocks[i], 0
        others = sorted((places[j], places[j] + blocks[j].size) for j in placed
                        if blocks[j].start <= block.end
                        and block.start <= blocks[j].end)
        for start, end in others:
            if offset + block.size <= start:
                break
            offset = max(offset, end)
        places[i] = offset
        placed.append(i)
    return places
