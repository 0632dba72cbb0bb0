"""The front in every plane of two objectives, with bounds and the chosen network."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.baselines.published import Published
from sparse_jax.objectives import pareto
from sparse_jax.objectives.goal import ERROR, Goal
from sparse_jax.objectives.goals import matrix
from sparse_jax.report import frame as frames
from sparse_jax.report.axes import Axis, percent_axis, size_axis
from sparse_jax.report.chart import (
    SIZE,
    Size,
    chart,
    diamond,
    dots,
    horizontal,
    legend,
    mark,
    steps,
    vertical,
)
from sparse_jax.report.elements import Element, element, sentence, text
from sparse_jax.report.facts import Facts, anchor, brief, mark_of
from sparse_jax.report.frame import Frame
from sparse_jax.report.published import figures_of, plotted

_ALONE = Size(470.0, 330.0)
"""Of the only plane of two objectives."""


class View(NamedTuple):
    """What all planes show."""

    values: np.ndarray
    """[N, K] objectives of all networks, as they are drawn."""
    front: np.ndarray
    """[F, K] of those that are marked: the front and the chosen network."""
    frame: Frame


def section(facts: Facts, published: Sequence[Published]) -> Element:
    """All planes: what is worth deploying, and everything behind a switch."""
    objectives, values = facts.objectives, facts.values
    front = matrix(facts.shown, objectives)
    chosen = None if facts.best is None else matrix([facts.best], objectives)[0]
    near = frames.zoom(values, front, objectives, facts.guess, chosen)
    least = frames.floor_of(values[:, 0])
    whole = View(frames.drawn(values, objectives, least),
                 frames.drawn(front, objectives, least),
                 frames.whole(values, objectives))
    views = {'all': whole}
    if near.zoomed:
        views = {'near': whole._replace(frame=near), 'all': whole}
    alone = ' alone' if len(pairs(facts)) == 1 else ''
    grids = [element('div', *(
        plane(facts, pair, view, published) for pair in pairs(facts)),
        class_=f'planes {name}{alone}') for name, view in views.items()]
    return element(
        'section', element('h2', 'Front'), *_switches(near), *grids,
        _legend(facts, published), _caption(facts, whole.front, near), id='front',
        class_='switched')


def _switches(near: Frame) -> list[Element]:
    """Between the two views, where there are two."""
    if not near.zoomed:
        return []
    switches = []
    for name, words in (('near', 'worth deploying'), ('all', 'everything')):
        switches += [element('input', type='radio', name='view', id=f'view-{name}',
                             checked=name == 'near'),
                     element('label', words, for_=f'view-{name}')]
    return switches


def pairs(facts: Facts) -> list[tuple[int, int]]:
    """Columns (x, y) of every plane; those of the error first."""
    count = len(facts.objectives.names)
    return sorted(((b, a) for a, b in itertools.combinations(range(count), 2)),
                  key=lambda pair: pair[1])


def plane(
    facts: Facts, pair: tuple[int, int], view: View, published: Sequence[Published]
) -> Element:
    """One plane of two objectives."""
    goals = [facts.objectives.goal(facts.objectives.names[c]) for c in pair]
    size = SIZE if len(pairs(facts)) > 1 else _ALONE
    x, y = (_axis(facts, view.frame, column, ends) for column, ends in zip(
        pair, (size.across, size.up)))
    across, up = _units(view.values, pair)
    inside = x.holds(across) & y.holds(up)
    return chart(
        f'{sentence(goals[1].title)} against {goals[0].title}', x, y,
        *_limits(facts, pair, x, y),
        dots(x.at(across[inside]), y.at(up[inside]), 'other'),
        _stairs(*_units(view.front, pair), x, y) if pair[1] == 0 else None,
        *_published(published, facts, pair, x, y),
        *_front(facts, *_units(view.front, pair), x, y), size=size)


def _units(
    values: np.ndarray, pair: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Two columns as they are drawn: errors in per cent."""
    across, up = (values[:, column] * (1.0 if column else 100.0) for column in pair)
    return across, up


def _axis(
    facts: Facts, shown: Frame, column: int, ends: tuple[float, float]
) -> Axis:
    goal = facts.objectives.goal(facts.objectives.names[column])
    low, high = float(shown.low[column]), float(shown.high[column])
    if goal.name == ERROR:
        return percent_axis(100 * low, 100 * high, *ends, facts.error_title)
    return size_axis(low, high, *ends, goal.axis_label, bytes_=goal.unit == 'B')


def _limits(
    facts: Facts, pair: tuple[int, int], x: Axis, y: Axis
) -> list[Element | None]:
    """Soft bounds and hard budgets as lines."""
    objectives, marks = facts.objectives, []
    for column, draw in zip(pair, (vertical, horizontal)):
        if not column:
            continue
        hard = dict(objectives.budgets).get(objectives.names[column])
        lines = [] if hard is None else [('hard', hard)]
        # What lies beyond a hard budget bounds nothing.
        if hard is None or objectives.bounds[column] < hard:
            lines.insert(0, ('soft', objectives.bounds[column]))
        marks += [draw(x, y, value, kind) for kind, value in lines]
        # What lies beyond a hard budget limits nothing.
        if draw is vertical and (hard is None or hard > x.high):
            marks += _beyond(x, y, lines, objectives.goal(objectives.names[column]))
    return marks


def _beyond(
    x: Axis, y: Axis, lines: Sequence[tuple[str, float]], goal: Goal
) -> list[Element | None]:
    """In words above it, the limits that lie right of the picture."""
    kinds = {'soft': 'soft bound', 'hard': 'budget'}
    far = [f'{kinds[kind]} {goal.text(value)} →' for kind, value in lines
           if value > x.high]
    return [text(x.end, y.end - 5 - 13 * i, words,
                 text_anchor='end', class_='beyond') for i, words in enumerate(far)]


def _stairs(across: np.ndarray, up: np.ndarray, x: Axis, y: Axis) -> Element | None:
    """The least error at every cost, as stairs inside the frame."""
    points = np.stack([across, up], axis=1)[x.holds(across) & y.holds(up)]
    if not len(points):
        return None
    points = points[pareto.non_dominated(points)]
    points = points[np.argsort(points[:, 0], kind='stable')]
    return steps(x.at(points[:, 0]), y.at(points[:, 1]), x.end, 'front')


def _front(
    facts: Facts, across: np.ndarray, up: np.ndarray, x: Axis, y: Axis
) -> list[Element]:
    """Marks of the front's networks inside the frame, the chosen one on top."""
    inside = x.holds(across) & y.holds(up)
    rows, marks = facts.shown, []
    for i in sorted(np.flatnonzero(inside), key=lambda i: facts.is_best(rows[i])):
        row = rows[i]
        kind = 'front chosen' if facts.is_best(row) else 'front'
        marks.append(element('a', mark(
            float(x.at(across[i])), float(y.at(up[i])), kind, brief(row),
            data_network=mark_of(row)), href=f'#{anchor(row)}'))
    return marks


def _published(
    published: Sequence[Published], facts: Facts, pair: tuple[int, int], x: Axis,
    y: Axis,
) -> list[Element]:
    """Published results that have both figures, inside the frame."""
    marks = []
    for entry, (across, up) in plotted(published, facts.objectives, pair):
        up = up if pair[1] else 100 * up
        if x.holds(across) and y.holds(up):
            marks.append(diamond(float(x.at(across)), float(y.at(up)), 'published',
                                 f'{entry.system} (published): {figures_of(entry)}'))
    return marks


def _legend(facts: Facts, published: Sequence[Published]) -> Element:
    objectives = facts.objectives
    count = len(objectives.names)
    all_of = 'both' if count == 2 else f'all {count}'
    entries = [('front', f'front of {all_of} objectives'),
               ('other', 'other networks'), ('stairs', 'least error at this cost')]
    hard = dict(objectives.budgets)
    if any(bound < hard.get(name, float('inf')) for name, bound in zip(
            objectives.names[1:], objectives.bounds[1:])):
        entries.append(('soft', 'soft bound'))
    if facts.best is not None:
        entries.insert(1, ('chosen', f'chosen: {facts.best.name}'))
    if objectives.budgets:
        entries.append(('hard', 'hard budget'))
    columns = range(1, count)
    if any(plotted(published, objectives, (column, 0)) for column in columns):
        entries.append(('published', 'published (error on test data)'))
    return legend(*entries)


def _caption(facts: Facts, front: np.ndarray, near: Frame) -> Element:
    words = ('Every mark is one trained and pruned network; hover or tap for its '
             'figures, click to read about it.')
    if near.zoomed:
        outside = int((~near.holds(front)).sum())
        words += (f' Worth deploying: {frames.rule()}; {outside} of '
                  f'{len(front)} networks of the front are outside.')
    return element('p', words, class_='note')
