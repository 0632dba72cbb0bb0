"""The picture of a comparison: fronts over each other, progress with bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from launch.figure import STYLE, pyplot_of, save, staircase
from sparse_jax.comparison.bands import band
from sparse_jax.objectives.goals import matrix
from sparse_jax.report.axes import percent_axis, size_axis
from sparse_jax.report.frame import floor_of
from sparse_jax.report.published import plotted

if TYPE_CHECKING:
    from sparse_jax.baselines.published import Published
    from sparse_jax.comparison.studies import Comparison, Group
    from sparse_jax.comparison.union import Member

_COLOURS = ('#1f5fa8', '#d9730d', '#2e8b57', '#8e44ad', '#c0392b', '#7f6a00', '#0f8b8d',
            '#555555')
_DASHES = ('-', '--', ':', '-.')
"""After so many groups as there are colours, the lines change."""
_OTHERS = '#6b3fa0'
_WIDTH, _HEIGHT = 3.5, 2.9
_PROGRESS = (('epochs', 'hypervolume', 'epochs of training'),
             ('seconds', 'hypervolume', 'seconds'),
             ('epochs', 'best_error', 'epochs of training'))
_TITLES = {'hypervolume': 'hypervolume', 'best_error': 'least error within bounds (%)'}


def draw(
    target: IO[bytes], comparison: Comparison, union: Sequence[Member],
    published: Sequence[Published] = (), form: str = 'png',
) -> None:
    """Write the picture.

    Args:
      target: an open binary file.
      comparison: the groups; each has a colour.
      union: the front of all of them.
      published: of others for these data, on test data.
      form: png or svg.
    """
    pyplot, costs = pyplot_of(), comparison.objectives.costs
    above, below = len(costs), len(_PROGRESS)
    with pyplot.rc_context(STYLE):
        figure = pyplot.figure(figsize=(max(above, below) * _WIDTH, 2 * _HEIGHT))
        # As many columns as let both rows fill the width.
        grid = figure.add_gridspec(2, above * below)
        fronts = [figure.add_subplot(grid[0, i * below:(i + 1) * below])
                  for i in range(above)]
        for column, axis in enumerate(fronts, 1):
            _fronts(axis, comparison, union, published, column)
        for i, shown in enumerate(_PROGRESS):
            _progress(figure.add_subplot(grid[1, i * above:(i + 1) * above]),
                      comparison.groups, *shown)
        handles, labels = fronts[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc='upper center', frameon=False,
                      ncols=min(4, len(labels)))
        rows = -(-len(labels) // 4)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.04 * rows), w_pad=1.5)
        save(figure, target, form)
        pyplot.close(figure)


def _fronts(
    axis: Any, comparison: Comparison, union: Sequence[Member],
    published: Sequence[Published], column: int,
) -> None:
    """Error against one cost: what each study reaches, and the front of all."""
    goal = comparison.objectives.costs[column - 1]
    bound = comparison.objectives.bounds[column]
    everything = matrix([row for study in comparison.studies
                         for row in study.networks if row.ok], comparison.objectives)
    least = floor_of(everything[:, 0])
    percent = lambda errors: 100 * np.maximum(errors, least)
    low = high = bound
    for place, group in enumerate(comparison.groups):
        for number, study in enumerate(group.studies):
            values = matrix([row for row in study.networks if row.ok],
                            comparison.objectives)
            if not len(values):
                continue
            costs, errors = staircase(values[:, column], values[:, 0])
            low, high = min(low, costs[0]), max(high, costs[-1])
            axis.plot(costs, percent(errors), drawstyle='steps-post', lw=1.0, alpha=0.8,
                      label='' if number else group.name, **_look(place))
    best = matrix(union, comparison.objectives)
    axis.scatter(best[:, column], percent(best[:, 0]), s=9, color='black', lw=0,
                 zorder=4, label='front of all')
    axis.axvline(bound, color='0.6', lw=0.9, ls=(0, (4, 3)), label='soft bound')
    known = np.array([place for _, place in plotted(
        published, comparison.objectives, (0, column))]).reshape(-1, 2)
    if len(known):
        axis.scatter(known[:, 1], percent(known[:, 0]), s=28, marker='D', lw=1.2,
                     facecolors='none', edgecolors=_OTHERS, zorder=5,
                     label='published, on test data')
        low, high = min(low, known[:, 1].min()), max(high, known[:, 1].max())
    if len(best):
        _error_axis(axis, percent(best[:, 0]))
    axis.set_xscale('log')
    shown = size_axis(max(low, 1e-9) / 1.15, high * 1.15, 0, 1, goal.axis_label,
                      bytes_=goal.unit == 'B')
    axis.set_xlim(shown.low, shown.high)
    axis.set_xticks(shown.ticks, shown.labels)
    axis.minorticks_off()
    axis.set_xlabel(goal.axis_label)
    axis.set_ylabel('validation error (%)')
    _grid(axis)


def _error_axis(axis: Any, errors: np.ndarray) -> None:
    """Logarithmic, over errors [N] in per cent."""
    shown = percent_axis(errors.min() / 1.3, max(1.2 * errors.max(), 2 * errors.min()),
                         0, 1, '')
    axis.set_yscale('log')
    axis.set_ylim(shown.low, shown.high)
    axis.set_yticks(shown.ticks, shown.labels)
    axis.minorticks_off()


def _progress(
    axis: Any, groups: Sequence[Group], against: str, figure: str, title: str
) -> None:
    """A figure after every round: the median of a group, and its range as a band."""
    is_error = figure == 'best_error'
    scale, shown = 100.0 if is_error else 1.0, [np.zeros(0)]
    for place, group in enumerate(groups):
        curves = [study.history.curve(against, figure) for study in group.studies]
        found = band(curves)
        look = _look(place)
        shown += [scale * found.least, scale * found.most]
        if len(found.x):
            axis.plot(found.x, scale * found.median, drawstyle='steps-post', lw=1.3,
                      marker='o', ms=2.5, **look)
        if len(curves) > 1:
            axis.fill_between(found.x, scale * found.least, scale * found.most,
                              step='post', alpha=0.18, lw=0, color=look['color'])
    axis.set_xlim(left=0)
    errors = np.concatenate(shown)
    if is_error and (errors > 0).any():
        _error_axis(axis, errors[errors > 0])
    axis.set_xlabel(title)
    axis.set_ylabel(_TITLES[figure])
    _grid(axis)


def _look(place: int) -> dict[str, Any]:
    """Of the lines of a group."""
    return {'color': _COLOURS[place % len(_COLOURS)],
            'ls': _DASHES[place // len(_COLOURS) % len(_DASHES)]}


def _grid(axis: Any) -> None:
    axis.grid(True, lw=0.4, color='0.92', zorder=0)
    axis.set_axisbelow(True)
