"""The front in every plane of two objectives, with bounds and the chosen network."""

import itertools
from collections.abc import Sequence

import numpy as np

from sparse_jax.objectives import pareto
from sparse_jax.objectives.goal import ERROR, Goal
from sparse_jax.objectives.goals import matrix
from sparse_jax.report import frame as frames
from sparse_jax.report.axes import Axis, percent_axis, size_axis
from sparse_jax.report.chart import (
    SIZE,
    chart,
    diamond,
    dots,
    horizontal,
    legend,
    mark,
    steps,
    vertical,
)
from sparse_jax.report.elements import Element, element
from sparse_jax.report.facts import Facts, anchor, mark_of, tip
from sparse_jax.report.frame import Frame
from sparse_jax.report.published import Published, plotted


def section(facts: Facts, published: Sequence[Published]) -> Element:
    """All planes: what is worth deploying, and everything behind a switch."""
    values, objectives = facts.values, facts.objectives
    near = frames.zoom(values, objectives, facts.guess)
    far = frames.whole(values, objectives)
    views = [('near', near), ('all', far)] if near.zoomed else [('all', far)]
    grids = [element('div', *(
        plane(facts, pair, shown, published) for pair in pairs(facts)),
        class_=f'planes {name}') for name, shown in views]
    switches = []
    if near.zoomed:
        for name, words in (('near', 'worth deploying'), ('all', 'everything')):
            switches += [
                element('input', type='radio', name='view', id=f'view-{name}',
                        checked=name == 'near'),
                element('label', words, for_=f'view-{name}')]
    return element(
        'section', element('h2', 'Front'), *switches, *grids, _legend(
            facts, published), _caption(facts, near), id='front', class_='switched')


def pairs(facts: Facts) -> list[tuple[int, int]]:
    """Columns (x, y) of every plane; those of the error first."""
    count = len(facts.objectives.names)
    return sorted(((b, a) for a, b in itertools.combinations(range(count), 2)),
                  key=lambda pair: pair[1])


def plane(
    facts: Facts, pair: tuple[int, int], shown: Frame, published: Sequence[Published]
) -> Element:
    """One plane of two objectives."""
    objectives, (column, line) = facts.objectives, pair
    x = _axis(objectives.goal(objectives.names[column]), shown, column, SIZE.across)
    y = _axis(objectives.goal(objectives.names[line]), shown, line, SIZE.up)
    values, front = facts.values, matrix(facts.front, objectives)
    inside = x.holds(_units(values, column, shown)) & y.holds(
        _units(values, line, shown))
    background = dots(x.at(_units(values[inside], column, shown)),
                      y.at(_units(values[inside], line, shown)), 'other')
    names = [objectives.goal(objectives.names[c]).title for c in (line, column)]
    return chart(
        f'{names[0].capitalize()} against {names[1]}', x, y,
        *_limits(facts, pair, x, y), background,
        _stairs(front[:, [column, line]], x, y, shown, pair),
        *_published(published, facts, pair, x, y),
        *_front(facts, front, x, y, shown, pair))


def _units(values: np.ndarray, column: int, shown: Frame) -> np.ndarray:
    """A column as it is drawn: errors in per cent, zeros at the edge."""
    found = np.maximum(values[:, column], min(shown.low[column], 1.0)
                       if column else 1e-6)
    if column:
        return found
    least = frames.floor_of(values[:, 0]) if len(values) else 0.0
    return 100 * np.maximum(found, least)


def _axis(goal: Goal, shown: Frame, column: int, ends: tuple[float, float]) -> Axis:
    low, high = float(shown.low[column]), float(shown.high[column])
    if goal.name == ERROR:
        return percent_axis(100 * low, 100 * high, *ends, 'validation error (%)')
    return size_axis(low, high, *ends, goal.axis_label, bytes_=goal.unit == 'B')


def _limits(
    facts: Facts, pair: tuple[int, int], x: Axis, y: Axis
) -> list[Element | None]:
    """Soft bounds and hard budgets as lines."""
    objectives, marks = facts.objectives, []
    for axis, column, draw in ((x, pair[0], vertical), (y, pair[1], horizontal)):
        if not column:
            continue
        hard = dict(objectives.budgets).get(objectives.names[column])
        marks.append(draw(axis, objectives.bounds[column], SIZE, 'soft'))
        if hard is not None:
            marks.append(draw(axis, hard, SIZE, 'hard'))
    return marks


def _stairs(
    points: np.ndarray, x: Axis, y: Axis, shown: Frame, pair: tuple[int, int]
) -> Element | None:
    """The front of this plane alone, as stairs inside the frame."""
    columns = list(pair)
    held = np.all((points >= shown.low[columns]) & (points <= shown.high[columns]), 1)
    points = points[held]
    if not len(points):
        return None
    points = points[pareto.non_dominated(points)]
    points = points[np.argsort(points[:, 0], kind='stable')]
    scale = 1.0 if pair[1] else 100.0
    return steps(x.at(points[:, 0]), y.at(scale * points[:, 1]), x.end, 'front')


def _front(
    facts: Facts, front: np.ndarray, x: Axis, y: Axis, shown: Frame,
    pair: tuple[int, int],
) -> list[Element]:
    """Marks of the front's networks inside the frame, the chosen one on top."""
    across, up = (_units(front, column, shown) for column in pair)
    order = sorted(range(len(front)), key=lambda i: facts.is_best(facts.front[i]))
    marks = []
    for i in order:
        row = facts.front[i]
        if not (x.holds(across[i]) and y.holds(up[i])):
            continue
        kind = 'front chosen' if facts.is_best(row) else 'front'
        marks.append(element('a', mark(
            float(x.at(across[i])), float(y.at(up[i])), kind, tip(row, facts),
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
                                 f'{entry.name} (published): {entry.text()}'))
    return marks


def _legend(facts: Facts, published: Sequence[Published]) -> Element:
    objectives = facts.objectives
    count = len(objectives.names)
    entries = [('front', f'front of all {count} objectives'),
               ('other', 'other networks'), ('stairs', 'best in this plane'),
               ('soft', 'soft bound')]
    if facts.best is not None:
        entries.insert(1, ('chosen', f'chosen: {facts.best.name}'))
    if objectives.budgets:
        entries.append(('hard', 'hard budget'))
    columns = range(1, count)
    if any(plotted(published, objectives, (column, 0)) for column in columns):
        entries.append(('published', 'published (error on test data)'))
    return legend(*entries)


def _caption(facts: Facts, near: Frame) -> Element:
    words = ('Every mark is one trained and pruned network; hover or tap for its '
             'figures, click to read about it.')
    if near.zoomed:
        outside = int((~near.holds(_floored(facts))).sum())
        words += (f' Worth deploying: {frames.rule()}; {outside} of '
                  f'{len(facts.front)} networks of the front are outside.')
    return element('p', words, class_='note')


def _floored(facts: Facts) -> np.ndarray:
    """[F, K] objectives of the front, as they are drawn."""
    front = matrix(facts.front, facts.objectives)
    front[:, 0] = np.maximum(front[:, 0], frames.floor_of(facts.values[:, 0]))
    return front
