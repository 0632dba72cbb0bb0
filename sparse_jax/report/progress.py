"""How a search got where it is: accuracy within the bounds against what was spent."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.goals import best_under, bounds_text
from sparse_jax.report.axes import linear_axis
from sparse_jax.report.chart import SIZE, chart, dots, mark, steps
from sparse_jax.report.elements import Element, element
from sparse_jax.report.facts import Facts, percent
from sparse_jax.study import convergence


class Point(NamedTuple):
    """The best network within the soft bounds after some trials."""

    spent: float
    """Epochs of training, or seconds."""
    error: float
    name: str
    """Of that network."""


def after_trials(facts: Facts) -> list[Point]:
    """One point per trial that was trained, against epochs of training; none before
    the first network within the soft bounds."""
    of_trial: dict[int, list] = {}
    for row in facts.networks:
        of_trial.setdefault(row.trial.number, []).append(row)
    spent, best, points = 0, None, []
    for trial in facts.trials:
        if trial.costs is None:
            continue
        spent += trial.trial.epochs
        found = of_trial[trial.trial.number]
        best = best_under(found if best is None else [best, *found], facts.objectives)
        if best is not None:
            points.append(Point(spent, best.error or 0.0, best.name))
    return points


def after_rounds(facts: Facts) -> list[Point]:
    """One point per finished round, against its wall-clock seconds; [] where a round
    does not tell them."""
    seconds = [found.info.get('wall_seconds') for found in facts.rounds
               if found.hypervolume is not None]
    points, spent = [], 0.0
    for number, of_round in enumerate(seconds):
        if not isinstance(of_round, int | float):
            return []
        spent += of_round
        best = best_under([row for row in facts.networks if row.round <= number],
                          facts.objectives)
        if best is not None:
            points.append(Point(spent, best.error or 0.0, best.name))
    return points


def section(facts: Facts) -> Element:
    """Best accuracy within the soft bounds, and the hypervolume."""
    charts = []
    if points := after_trials(facts):
        charts.append(_accuracy(points, 1.0, facts.accuracy_title,
                                'epochs of training, all candidates'))
    if points := after_rounds(facts):
        scale, unit = _unit(points[-1].spent)
        charts.append(_accuracy(points, scale, facts.accuracy_title,
                                f'time of the search ({unit})'))
    history = convergence.history(facts.study.records)
    if len(history) > 1:
        charts.append(_hypervolume(history))
    words = convergence.text(history)
    bounds = bounds_text(facts.objectives)
    if facts.objectives.budgets:
        bounds += ' and the hard budgets'
    within = f'Within the soft bounds of {bounds}.' if charts else (
        f'No network is within the soft bounds of {bounds} yet.')
    return element(
        'section', element('h2', 'Progress'),
        element('div', *charts, class_='planes'),
        element('p', within, f' {words[0].upper()}{words[1:]}.' if words else '',
                class_='note'), id='progress')


def _unit(seconds: float) -> tuple[float, str]:
    """(seconds of it, its name) of a unit in which a time is easily read."""
    if seconds < 300:
        return 1.0, 's'
    return (60.0, 'minutes') if seconds < 3 * 3600 else (3600.0, 'hours')


def _accuracy(
    points: Sequence[Point], scale: float, kind: str, title: str
) -> Element:
    """Best validation accuracy as stairs, with a mark where it improves."""
    spent = np.array([p.spent for p in points]) / scale
    reached = 100 * (1 - np.array([p.error for p in points]))
    x = linear_axis(0.0, 1.02 * float(spent[-1]), *SIZE.across, title)
    low, high = float(reached.min()), float(reached.max())
    pad = max(0.05 * (high - low), 0.5)
    y = linear_axis(max(low - pad, 0.0), min(high + pad, 100.0), *SIZE.up,
                    kind)
    marks = []
    for i, point in enumerate(points):
        if i == 0 or points[i - 1].error > point.error:
            marks.append(mark(
                float(x.at(spent[i])), float(y.at(reached[i])), 'front',
                f'{point.name}: {percent(1 - point.error)}'))
    return chart('Best accuracy within the bounds', x, y, steps(
        x.at(spent), y.at(reached), x.end, 'front'), *marks)


def _hypervolume(history: Sequence[convergence.Point]) -> Element:
    """Hypervolume after every round against epochs."""
    spent = np.array([p.epochs for p in history], float)
    volumes = np.array([p.hypervolume for p in history])
    x = linear_axis(0.0, 1.02 * max(float(spent[-1]), 1.0), *SIZE.across,
                    'epochs of training, all candidates')
    y = linear_axis(0.95 * float(volumes.min()), 1.02 * max(float(volumes.max()), 1e-9),
                    *SIZE.up, 'hypervolume')
    return chart('Hypervolume after every round', x, y, steps(
        x.at(spent), y.at(volumes), x.end, 'front'),
        dots(x.at(spent), y.at(volumes), 'large'))
