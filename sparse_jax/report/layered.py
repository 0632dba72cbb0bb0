"""Places of the boxes of a graph: levels from top to bottom, few crossings.

A long edge passes through a lane of its own on every level between its ends, so that it
never runs through a box.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

BOX, LANE, GAP = 160.0, 18.0, 16.0
"""Widths of boxes and lanes, and the room between, in pixels."""
_SWEEPS = 4

Key = tuple[str, int]
"""A box (its name, -1), or the lane of an edge from `name` (source, index of edge)."""


class Layout(NamedTuple):
    """Where boxes and edges are."""

    centres: dict[str, float]
    """{box: pixel of its middle across}."""
    levels: dict[str, int]
    """{box: level from the top}."""
    edges: list[tuple[str, str, list[float]]]
    """(source, target, pixels across on every level between)."""
    width: float


def place(inputs: Mapping[str, Sequence[str]]) -> Layout:
    """Lay out a graph.

    Args:
      inputs: {box: boxes that it reads}, sources first; boxes that read nothing are at
        the top.

    Returns:
      The layout; every edge points downwards.
    """
    levels = _levels(inputs)
    depth = max(levels.values()) + 1
    edges = [(source, target) for target, read in inputs.items() for source in read]
    grid: list[list[Key]] = [[] for _ in range(depth)]
    for name, level in levels.items():
        grid[level].append((name, -1))
    above: dict[tuple[Key, int], list[Key]] = {}
    for index, (source, target) in enumerate(edges):
        last: Key = (source, -1)
        for level in range(levels[source] + 1, levels[target]):
            lane: Key = (source, index)
            grid[level].append(lane)
            above[lane, level] = [last]
            last = lane
        above.setdefault(((target, -1), levels[target]), []).append(last)
    places = _places(grid)
    for _ in range(_SWEEPS):
        for level in range(1, depth):
            wanted = {item: _mean([
                places[upper, level - 1] for upper in above.get((item, level), ())])
                for item in grid[level]}
            grid[level].sort(key=wanted.__getitem__)
        places = _places(grid)
    width = max(map(_width, grid))
    return Layout(
        {name: places[(name, -1), level] + width / 2 for name, level in levels.items()},
        levels,
        [(source, target, [places[(source, i), level] + width / 2 for level in range(
            levels[source] + 1, levels[target])])
         for i, (source, target) in enumerate(edges)], width)


def _levels(inputs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """As late as what reads a box allows; boxes without readers are at the bottom."""
    readers: dict[str, list[str]] = {name: [] for name in inputs}
    for name, read in inputs.items():
        for source in read:
            readers[source].append(name)
    height: dict[str, int] = {}
    for name in reversed(list(inputs)):
        height[name] = max((height[r] + 1 for r in readers[name]), default=0)
    top = max(height.values())
    # What reads nothing is at the top even if it is read late.
    return {name: 0 if not read else top - height[name]
            for name, read in inputs.items()}


def _size(key: Key) -> float:
    return BOX if key[1] < 0 else LANE


def _width(level: Sequence[Key]) -> float:
    return sum(map(_size, level)) + GAP * (len(level) - 1)


def _places(grid: Sequence[Sequence[Key]]) -> dict[tuple[Key, int], float]:
    """Middle of every item, of a drawing whose middle is 0."""
    places = {}
    for level, items in enumerate(grid):
        at = -_width(items) / 2
        for item in items:
            places[item, level] = at + _size(item) / 2
            at += _size(item) + GAP
    return places


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
