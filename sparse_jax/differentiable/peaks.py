"""What the layers of a relaxed network hold, under every memory model, in expectation.

(6) counts what a layer reads and writes, (5) what it reads and its kernel weights. The
third (`objectives.alive`) counts all tensors that a later layer reads too, but not an
image that is read as it comes; a maximum pool is a step of its own there.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.differentiable.geometry import Geometry
from sparse_jax.differentiable.heads import LEFT, MAIN, RIGHT
from sparse_jax.differentiable.template import Decisions, Template

Count = jax.Array | float
"""[] expected elements."""


class Step(NamedTuple):
    """One layer, as all memory models see it."""

    there: Count
    """How likely it is there."""
    read: Count
    written: Count
    weights: Count
    """Of its kernel."""
    alive: Count
    """All that is held at once while it runs, without the image."""
    is_layer: bool = True
    """Whether (5) and (6) count it."""


class Peak(NamedTuple):
    """Under one memory model; M layers."""

    elements: jax.Array
    """[M] that each layer holds, if it is there."""
    present: jax.Array
    """[M] how likely it is there."""


class Dense(NamedTuple):
    """A fully connected layer."""

    read: Count
    fan_in: Count
    """Less than what is read where that is summed before."""
    units: Count
    alive: Count

    @property
    def step(self) -> Step:
        """As memory models see it."""
        return Step(1.0, self.read, self.units, self.fan_in * self.units, self.alive)


class Outside(NamedTuple):
    """Tensors that branches read, and the image."""

    counted: Count
    """Of the image, where the network makes it: it is down-sampled."""
    uncounted: Count
    """Of the image where it is read as it comes."""
    first: Count
    """What the first block ends in."""


def outside(sizes: Geometry, choice: Decisions, template: Template) -> Outside:
    """Tensors of a relaxed network beside its layers."""
    image, firsts = sizes.passages[0].source.elements, template.firsts
    as_it_comes: Count = 0.0
    if template.rates[0] == 1:
        height, width, channels = template.input_shape
        as_it_comes = choice.rate[0] * choice.squeeze[0] * float(
            height * width * channels)
    two = len(template.blocks) > 1
    end = sizes.passages[firsts[1]].source if two else sizes.last
    return Outside(image - as_it_comes, as_it_comes, end.elements)


def beside(
    held: Outside, place: tuple[int, int, int], waits: Count, template: Template
) -> Count:
    """What is alive beside what a part of a layer reads and writes; less than nothing
    where it reads an image that does not count.

    Args:
      held: by branches.
      place: (block, layer, part), both of all; the last part of a block is its pool,
        which is behind all of its layers.
      waits: how likely the block has yet to add what enters it.
      template: the family.
    """
    block, layer, part = place
    if (layer, part) == (0, 0):
        return -held.uncounted
    found = held.counted if block and RIGHT in template.branches else 0.0
    if (layer, part) == (template.firsts[block], 0):
        return found
    entering, reader = (held.first, LEFT) if block else (held.counted, RIGHT)
    return found + entering * (1.0 if reader in template.branches else waits)


def head(
    read: Count, units: Mapping[str, Count], held: Outside, template: Template
) -> list[Dense]:
    """The fully connected layers and the classifier.

    Args:
      read: what the last block ends in.
      units: {branch: its units}.
      held: what branches read.
      template: the family.
    """
    sources = {MAIN: MAIN, LEFT: LEFT if len(template.blocks) > 1 else MAIN,
               RIGHT: RIGHT}
    elements = {MAIN: read, LEFT: held.first, RIGHT: held.counted}
    whole = elements | {RIGHT: held.counted + held.uncounted}
    order = [sources[branch] for branch in units]
    last = [] if MAIN in units else [MAIN]
    found, written = [], 0.0
    for i, (branch, number) in enumerate(units.items()):
        waiting = sum(elements[name] for name in {*order[i:], *last})
        taken, written = whole[sources[branch]], written + number
        found.append(Dense(taken, taken, number, waiting + written))
    taken = (read if last else 0.0) + written
    fan_in = units[MAIN] if template.merge == 'Sum' else taken
    classes = float(template.counted_classes)
    return [*found, Dense(taken, fan_in, classes, taken + classes)]


def peaks(steps: list[Step]) -> tuple[Peak, Peak, Peak]:
    """Under (6), under (5) and without the image."""
    layers = [step for step in steps if step.is_layer]
    return (_peak(layers, [step.read + step.written for step in layers]),
            _peak(layers, [step.read + step.weights for step in layers]),
            _peak(steps, [step.alive for step in steps]))


def _peak(steps: list[Step], elements: list[Count]) -> Peak:
    stack = lambda values: jnp.stack([jnp.float32(value) for value in values])
    return Peak(stack(elements), stack([step.there for step in steps]))
