"""In which order the layers of a relaxed network run on a board, and what is held then.

`export.code.schedule` takes the order that holds the fewest bytes, the first of several
in the order of the table. Where branches are read from the image and from the first
block, each can run between any two layers of the trunk behind what it reads: all these
orders are known before any step, and what every one of them holds is linear in the
sizes of what is held.
"""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.geometry import Geometry
from sparse_jax.differentiable.heads import LEFT, MAIN, RIGHT
from sparse_jax.differentiable.loops import Loop
from sparse_jax.differentiable.template import (
    TYPES,
    Decisions,
    Template,
    residual_of,
    units_of,
)


class Masks(NamedTuple):
    """Of O orders and n loops, [O, n] float32 of 0 and 1; the loops in the order of
    the table."""

    read: tuple[np.ndarray, np.ndarray]
    """Whether the loop reads the image, and whether the end of the first block."""
    waits: tuple[np.ndarray, np.ndarray]
    """Whether a branch reads them later."""
    inside: tuple[np.ndarray, np.ndarray]
    """Whether the loop runs inside of the block that reads them, behind what does."""
    current: np.ndarray
    """[O, n, L + 1] whether a branch runs beside what one of the L layers, or the
    head, reads."""
    done: dict[str, np.ndarray]
    """Whether the units of a branch are there already."""


def parts(template: Template) -> list[tuple[int, int]]:
    """(layer, part) of all loops of the trunk: all but a convolution have two."""
    return [(i, part) for i, kind in template.operations
            for part in range(1 if kind == TYPES['c'] else 2)]


@functools.lru_cache(maxsize=64)
def orders(template: Template) -> tuple[dict[str, int], ...]:
    """{branch: how many layers, the main branch the last of them, run before it} of
    all orders, that of the table first; of two branches at one place the one that comes
    first in an entry runs first."""
    layers, has_main = len(template.layers), MAIN in template.branches
    names = [b for b in (LEFT, RIGHT) if b in template.branches]
    begins = {RIGHT: 0, LEFT: template.ends[0]}
    found: dict[tuple, dict[str, int]] = {}
    for places in itertools.product(*(
            range(begins[name], layers + has_main + 1) for name in names)):
        for turn in itertools.permutations(zip(names, places)):
            # Branches come behind the main one in the table.
            run = [(0, i) for i in range(layers + has_main)]
            for name, place in sorted(turn, key=lambda one: -one[1]):
                run.insert(place, (1, names.index(name)))
            in_turn = sorted(turn, key=lambda one: run.index((1, names.index(one[0]))))
            found.setdefault(tuple(run), dict(in_turn))
    return tuple(found[run] for run in sorted(found))


def held(
    run: Loop, sizes: Geometry, choice: Decisions, template: Template
) -> tuple[jax.Array, jax.Array]:
    """Bytes that are in use while every loop runs, and the most of all.

    Args:
      run: n loops, each array [n].
      sizes: of the feature maps.
      choice: shares of every decision.
      template: the family.

    Returns:
      [n], and [] without the image before the first layer.
    """
    masks = _masks(template)
    first = (sizes.passages[template.firsts[1]].source.elements
             if len(template.blocks) > 1 else 0.0)
    sources = sizes.passages[0].source.elements, first
    beside = jnp.zeros(masks.waits[0].shape)
    cannot = jnp.zeros(masks.waits[0].shape)
    for k, source in enumerate(sources[:len(template.blocks)]):
        share = residual_of(choice, k, template)
        added = masks.waits[k] + (1 - masks.waits[k]) * share * np.maximum(
            masks.inside[k], masks.read[k])
        beside += (1 - masks.read[k]) * added * source
        cannot += masks.read[k] * added
    current = jnp.stack([*(p.source.elements for p in sizes.passages),
                         sizes.last.elements])
    beside += masks.current @ current
    for branch, units in units_of(choice, template).items():
        beside += masks.done[branch] * units
    live = run.live + beside + run.kept * cannot
    # The order is chosen as if nothing was overwritten.
    peaks = (run.there * (run.live + run.kept + beside)).max(1)
    other, arenas = jnp.argmin(peaks), (run.there * live).max(1)
    chosen = jnp.where(arenas[0] <= arenas[other], 0, other)
    return live[chosen], arenas[chosen]


@functools.lru_cache(maxsize=64)
def _masks(template: Template) -> Masks:
    trunk, layers = parts(template), len(template.layers)
    names = [*template.branches, 'last']
    found = [[_loop(node, order, template) for node in (*trunk, *names)]
             for order in orders(template)]
    column = lambda name: np.array([[one[name] for one in row] for row in found],
                                   np.float32)
    pair = lambda name: (column(f'{name} image'), column(f'{name} first'))
    place = column('current')
    return Masks(
        pair('reads'), pair('waits'), pair('inside'),
        (place[..., None] == np.arange(layers + 1)).astype(np.float32),
        {branch: column(f'{branch} done') for branch in template.branches})


def _loop(
    node: tuple[int, int] | str, order: dict[str, int], template: Template
) -> dict[str, float]:
    """What one loop meets in an order: of the trunk (layer, part), else a branch, or
    the classifier."""
    layers, ends = len(template.layers), template.ends
    empty = dict.fromkeys((
        'reads image', 'reads first', 'waits image', 'waits first', 'inside image',
        'inside first', *(f'{branch} done' for branch in template.branches)), 0.0)
    if node == 'last':
        return empty | {'current': -1.0}
    if isinstance(node, tuple):
        stage, part = node
        before = [b for b, place in order.items() if place <= stage]
        reads = part == 0 and stage in template.firsts
    else:
        stage, part = order.get(node, layers), 0
        turn = list(order)
        before = [b for b in order if order[b] < stage or (
            order[b] == stage and (node == MAIN or turn.index(b) < turn.index(node)))]
        reads = False
    two, second = len(template.blocks) > 1, stage >= ends[0]
    waits = lambda b: b in order and b not in before and b != node
    current, main_done = -1, node != MAIN and stage > layers
    if node in (LEFT, RIGHT):
        waits_main = MAIN not in template.branches or stage <= layers
        current = stage if waits_main else -1
        if not two and waits(LEFT):
            current = layers
        if current == (0 if node == RIGHT else ends[0] if two else layers):
            current = -1
    in_second = two and second and stage < layers
    return empty | {
        'reads image': float(node == RIGHT or (reads and stage == 0)),
        'reads first': float(two and (node == LEFT or (reads and stage == ends[0]))),
        'waits image': float(waits(RIGHT)),
        'waits first': float(two and second and (
            waits(LEFT) or (node == RIGHT and stage == ends[0] and layers > ends[0]))),
        'inside image': float(not second and (stage > 0 or part > 0)),
        'inside first': float(in_second and (stage > ends[0] or part > 0)),
        'current': float(-1 if two and node == RIGHT and stage == ends[0]
                         else current),
        **{f'{b} done': float(b in before) for b in template.branches if b != MAIN},
        **({'main done': float(main_done)} if MAIN in template.branches else {})}
