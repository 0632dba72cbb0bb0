"""The frame of a chart: axes, grid and titles around what is drawn in it."""

from typing import NamedTuple

import numpy as np

from sparse_jax.report.axes import Axis
from sparse_jax.report.elements import Child, Element, element, path, short, svg, text

LEFT, RIGHT, TOP, BOTTOM = 50.0, 12.0, 36.0, 42.0
"""Pixels between the picture's edges and its axes."""
MOST = 1500
"""Dots of one picture."""


class Size(NamedTuple):
    """Of a picture in pixels."""

    width: float = 400.0
    height: float = 300.0

    @property
    def across(self) -> tuple[float, float]:
        """Pixels of the ends of the horizontal axis."""
        return LEFT, self.width - RIGHT

    @property
    def up(self) -> tuple[float, float]:
        """Pixels of the ends of the vertical axis, the lower one first."""
        return self.height - BOTTOM, TOP


SIZE = Size()


def chart(title: str, x: Axis, y: Axis, *marks: Child, size: Size = SIZE) -> Element:
    """A picture with a title, two axes with their units, and marks inside.

    Args:
      title: above it, and read aloud.
      x: horizontal axis.
      y: vertical axis.
      marks: what is drawn, from the back to the front.
      size: in pixels; the axes are made for it.
    """
    left, right = size.across
    bottom, top = size.up
    grid, labels = [], []
    for pixel, label in zip(x.at(x.ticks), x.labels):
        grid.append(f'M{short(pixel)} {short(bottom)}V{short(top)}')
        labels.append(text(pixel, bottom + 15, label, text_anchor='middle'))
    for pixel, label in zip(y.at(y.ticks), y.labels):
        grid.append(f'M{short(left)} {short(pixel)}H{short(right)}')
        labels.append(text(left - 6, pixel + 4, label, text_anchor='end'))
    middle = (left + right) / 2
    return svg(
        size.width, size.height,
        text(left, 14, title, class_='title'),
        element('path', d=''.join(grid), class_='grid') if grid else None,
        element('g', *marks),
        element('path', d=f'M{short(left)} {short(top)}V{short(bottom)}'
                          f'H{short(right)}', class_='frame'),
        element('g', *labels, class_='ticks'),
        text(middle, size.height - 8, x.title, text_anchor='middle', class_='axis'),
        text(0, 0, y.title, text_anchor='middle', class_='axis', transform=(
            f'translate(12 {short((top + bottom) / 2)}) rotate(-90)')),
        label=title)


def dots(x: np.ndarray, y: np.ndarray, kind: str) -> Element | None:
    """Many points [N], [N] in pixels as one path; those of one pixel are drawn once,
    and of more than `MOST` those of one cell of a grid as fine as that allows."""
    given = np.stack([x, y], axis=1)
    if not len(given):
        return None
    places, cell = np.unique(np.round(given), axis=0), 1
    while len(places) > MOST:
        cell += 1
        places = np.unique(np.round(given / cell), axis=0) * cell
    drawn = ''.join(f'M{int(a)} {int(b)}h0' for a, b in places)
    return element('path', d=drawn, class_=f'dots {kind}')


def steps(x: np.ndarray, y: np.ndarray, end: float, kind: str) -> Element:
    """A line that keeps its height until the next point, and then to the end."""
    drawn = f'M{short(x[0])} {short(y[0])}' + ''.join(
        f'H{short(a)}V{short(b)}' for a, b in zip(x[1:], y[1:])) + f'H{short(end)}'
    return element('path', d=drawn, class_=f'line {kind}')


def line(x: np.ndarray, y: np.ndarray, kind: str) -> Element:
    """A line through points [N], [N] in pixels."""
    return element('path', d=path(x, y), class_=f'line {kind}')


def mark(x: float, y: float, kind: str, tip: str, **attributes: object) -> Element:
    """One point that tells what it is."""
    return element('circle', element('title', tip), cx=x, cy=y,
                   r=6.5 if 'chosen' in kind else 4.5, class_=f'mark {kind}',
                   tabindex='0', **attributes)


def diamond(x: float, y: float, kind: str, tip: str) -> Element:
    """One point of another kind."""
    return element('path', element('title', tip), class_=f'mark {kind}', tabindex='0',
                   d=f'M{short(x)} {short(y - 6)}l5 6l-5 6l-5 -6z')


def vertical(x: Axis, y: Axis, value: float, kind: str) -> Element | None:
    """A line at a value of the horizontal axis; None if it is outside."""
    if not x.holds(value):
        return None
    pixel = short(float(x.at(value)))
    return element('path', d=f'M{pixel} {short(y.start)}V{short(y.end)}',
                   class_=f'limit {kind}')


def horizontal(x: Axis, y: Axis, value: float, kind: str) -> Element | None:
    """A line at a value of the vertical axis; None if it is outside."""
    if not y.holds(value):
        return None
    pixel = short(float(y.at(value)))
    return element('path', d=f'M{short(x.start)} {pixel}H{short(x.end)}',
                   class_=f'limit {kind}')


def legend(*entries: tuple[str, str]) -> Element:
    """What the marks mean: (kind of swatch, words) each."""
    return element('p', *(element(
        'span', element('i', class_=f'swatch {kind}'), words)
        for kind, words in entries), class_='legend')
