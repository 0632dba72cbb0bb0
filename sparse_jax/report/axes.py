"""Axes of pictures: from figures to pixels, and the ticks between."""

import math
from typing import NamedTuple

import numpy as np

_MAX_TICKS = 7


class Axis(NamedTuple):
    """One axis of a picture."""

    low: float
    high: float
    start: float
    """Pixel of `low`."""
    end: float
    """Pixel of `high`."""
    log: bool = False
    ticks: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    title: str = ''

    def at(self, values: object) -> np.ndarray:
        """Pixels of values; those below the least are at the edge of a logarithm."""
        given = np.asarray(values, float)
        low, high = self.low, self.high
        if self.log:
            given, low, high = np.log(np.maximum(given, low / 1e3)), math.log(
                low), math.log(high)
        return self.start + (given - low) / (high - low) * (self.end - self.start)

    def holds(self, values: object) -> np.ndarray:
        """Whether values are within the ends."""
        given = np.asarray(values, float)
        return (given >= self.low) & (given <= self.high)


def binary_ticks(low: float, high: float) -> list[int]:
    """Powers of two inside [low, high], thinned evenly to a handful."""
    powers = list(range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1))
    step = -(-len(powers) // _MAX_TICKS) or 1
    # Aligned on 1K, so that thinned ticks keep the round numbers.
    return [2 ** p for p in powers if (p - 10) % step == 0]


def size_label(value: float) -> str:
    """256, 512, 1K, 2K, ..., 1M."""
    for unit, letter in ((2 ** 20, 'M'), (2 ** 10, 'K')):
        if value >= unit:
            return f'{value / unit:.3g}{letter}'
    return f'{value:g}'


def round_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... inside [low, high]; more within a decade, fewer over many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps: tuple[float, ...] = (1, 2, 5) if len(decades) <= 5 else (1,)
    if high < 8 * low:
        steps = (1, 1.5, 2, 3, 4, 5, 6, 8)
    ticks = [m * 10.0 ** d for d in decades for m in steps]
    return [t for t in ticks if low <= t <= high]


def even_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten inside [low, high], few of them."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def size_axis(
    low: float, high: float, start: float, end: float, title: str, *, bytes_: bool
) -> Axis:
    """A logarithmic axis of a cost; its ticks are powers of two for bytes."""
    high = max(high, low * 1.05)
    ticks: list[float] = []
    if bytes_ and low >= 1:
        ticks = [float(t) for t in binary_ticks(low, high)]
    labels = [size_label(t) for t in ticks]
    if len(ticks) < 3:
        ticks = round_ticks(low, high)
        if len(ticks) < 2:
            ticks = even_ticks(low, high, 4)
        labels = [_count_label(t) for t in ticks]
    return Axis(low, high, start, end, True, tuple(ticks), tuple(labels), title)


def percent_axis(low: float, high: float, start: float, end: float,
                 title: str) -> Axis:
    """A logarithmic axis of errors, low and high in per cent."""
    ticks = round_ticks(low, high)
    if len(ticks) < 2:
        ticks = even_ticks(low, high, 4)
    return Axis(low, high, start, end, True, tuple(ticks),
                tuple(f'{t:g}' for t in ticks), title)


def linear_axis(
    low: float, high: float, start: float, end: float, title: str, *, most: int = 6
) -> Axis:
    """A linear axis with a handful of round ticks."""
    high = high if high > low else low + 1.0
    ticks = even_ticks(low, high, most)
    return Axis(low, high, start, end, False, tuple(ticks),
                tuple(_count_label(t) for t in ticks), title)


def _count_label(value: float) -> str:
    """500, 2000, 20k, 1.5M: large counts in thousands or millions."""
    for least, unit, letter in ((1e6, 1e6, 'M'), (1e4, 1e3, 'k')):
        if abs(value) >= least:
            return f'{value / unit:g}{letter}'
    return f'{value:g}'
