"""Points of a sweep as lists that are multiplied, zipped and chained.

An experiment file describes its sweep in `get_hyper(hyper)` beside `get_config()`:

    def get_hyper(hyper):
        return hyper.product([
            hyper.sweep('config.seed', range(3)),
            hyper.zipit([hyper.sweep('config.train.epochs', [50, 100]),
                         hyper.sweep('config.search.rounds', [8, 4])])])
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Point = Mapping[str, Any]
"""{'config.seed': 0, ...}: the settings in which a study differs from the others."""


def sweep(name: str, values: Iterable[Any]) -> list[Point]:
    """One point for each value of a setting.

    Args:
      name: of the setting, as in a flag: 'config.pruning.method'.
      values: in their order.

    Example:
      >>> sweep('config.seed', range(2))
      [{'config.seed': 0}, {'config.seed': 1}]
    """
    return [{name: value} for value in values]


def fixed(name: str, value: Any) -> list[Point]:
    """A single point: a setting that all have, as a factor of `product`."""
    return sweep(name, [value])


def product(axes: Sequence[Sequence[Point]]) -> list[Point]:
    """Every combination of one point of each axis; the last axis changes fastest.

    Raises:
      ValueError: two axes have the same setting.

    Example:
      >>> len(product([sweep('config.seed', range(3)),
      ...              sweep('config.train.epochs', [50, 100])]))
      6
    """
    return [_merged(points) for points in itertools.product(*axes)]


def zipit(axes: Sequence[Sequence[Point]]) -> list[Point]:
    """The first points of all axes together, then the second ones, and so on.

    Raises:
      ValueError: axes of different lengths, or two with the same setting.

    Example:
      >>> zipit([sweep('config.seed', [1]), sweep('config.data.seed', [3])])
      [{'config.seed': 1, 'config.data.seed': 3}]
    """
    lengths = [len(axis) for axis in axes]
    if len(set(lengths)) > 1:
        raise ValueError(f'zipit of axes of {", ".join(map(str, lengths))} points; '
                         'allowed: as many in each')
    return [_merged(points) for points in zip(*axes)]


def chainit(axes: Sequence[Sequence[Point]]) -> list[Point]:
    """All points of the first axis, then those of the second, and so on."""
    return list(itertools.chain(*axes))


def _merged(points: Iterable[Point]) -> Point:
    merged: dict[str, Any] = {}
    for point in points:
        for name in merged.keys() & point.keys():
            raise ValueError(f'{name} is swept twice; allowed: once in each point')
        merged.update(point)
    return merged
