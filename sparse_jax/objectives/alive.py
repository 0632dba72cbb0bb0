"""What a network holds at once: the tensors that are alive while a layer runs.

The rule of uNAS (Liberis et al. 2021), whose figures leave the image out: layers run in
the order of the network, a tensor lives from the layer that writes it to the last layer
that reads it, and a pool is a step of its own that holds what it reads and what it
writes. Weights are not counted. The image is not counted either, as long as the network
reads it as it comes: one that is down-sampled is a tensor that the network makes. No
layer works in place, which uNAS allows a sum of feature maps.

Counts are Python integers or traced arrays.
"""

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sparse_jax.ops.arrays import library_of

Count = Any
"""Elements: an integer, or a traced array [] int32."""
IMAGE = 'input'


class Picture(Protocol):
    """What says whether the first layers read the image as it comes."""

    @property
    def downsample(self) -> int:
        """Pixels that become one, along a side."""
        ...

    @property
    def squeeze_depth(self) -> bool:
        """Whether its colours become one."""
        ...


class Step(NamedTuple):
    """A node of a network, in the order in which they run."""

    name: str
    inputs: tuple[str, ...]
    living: Count = None
    """How many of its units there are; None for a node that is no layer: whoever reads
    it holds all of its inputs."""
    output: Count = 0
    """Elements that it writes, before its pool."""
    pooled: Count = 0
    """Elements that are left after its pool."""
    pools: bool = False
    """Whether it has one."""

    @property
    def is_layer(self) -> bool:
        """Whether it writes a tensor of its own."""
        return self.living is not None


def most_alive(steps: Sequence[Step], image: Count) -> list[Count]:
    """The most elements that are alive at once while each layer runs.

    Args:
      steps: all nodes.
      image: elements of the tensor 'input' that count, see `counted_image`.

    Returns:
      One count for each layer, 0 for a layer that is gone.
    """
    readers, there = _readers(steps), [
        step.living > 0 if step.is_layer else None for step in steps]
    # Of a network before pruning, which searches ask for, nothing is gone.
    whole = all(one is True or one is None for one in there)
    held = _held_by_all if whole else _held
    size, found = {IMAGE: image}, []
    for i, step in enumerate(steps):
        if not step.is_layer:
            continue
        alive = held(size, readers, there, i) + step.output
        if step.pools:
            later = held(size, readers, there, i + 1)
            alive = library_of(alive).maximum(
                alive, later + step.output + step.pooled)
        found.append(alive if whole else alive * _any([there[i]]))
        size[step.name] = step.pooled
    return found


def counted_image(net: Picture, elements: Count) -> Count:
    """Elements of the tensor 'input' that count: those that the network makes."""
    return elements if net.downsample > 1 or net.squeeze_depth else 0


def _readers(steps: Sequence[Step]) -> dict[str, list[int]]:
    """{tensor: which layers read it}, through nodes that are none."""
    behind: dict[str, tuple[str, ...]] = {IMAGE: (IMAGE,)}
    found: dict[str, list[int]] = {IMAGE: [], **{step.name: [] for step in steps}}
    for i, step in enumerate(steps):
        read = tuple(t for name in step.inputs for t in behind[name])
        behind[step.name] = (step.name,) if step.is_layer else read
        if step.is_layer:
            for name in dict.fromkeys(read):
                found[name].append(i)
    return found


def _held(
    size: Mapping[str, Count], readers: Mapping[str, list[int]], there: Sequence[Any],
    first: int,
) -> Count:
    """Elements of the tensors that a layer which is there reads, from `first` on."""
    total = 0
    for name, elements in size.items():
        reading = [there[j] for j in readers[name] if j >= first]
        if reading:
            total = total + elements * _any(reading)
    return total


def _held_by_all(
    size: Mapping[str, Count], readers: Mapping[str, list[int]], there: Sequence[Any],
    first: int,
) -> Count:
    """`_held` where all layers are there."""
    del there
    return sum(elements for name, elements in size.items()
               if readers[name] and readers[name][-1] >= first)


def _any(there: Sequence[Any]) -> Count:
    """1 if any of some layers is there, else 0."""
    return functools.reduce(operator.or_, there) * 1
