"""How well a search predicted what its trials gave, before it trained them."""

from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.goal import ERROR, Goal
from sparse_jax.report.axes import Axis, percent_axis, size_axis
from sparse_jax.report.chart import SIZE, chart, dots, line
from sparse_jax.report.elements import Element, element, sentence
from sparse_jax.report.facts import Facts
from sparse_jax.report.ranks import ranks
from sparse_jax.search.credit import best_cut, figures_of
from sparse_jax.study.lineage import latest
from sparse_jax.study.record import Record

FEWEST = 12
"""Trials: of fewer there is nothing to say."""
HOW = ('each predicted by the model of the search when it suggested the trial, from '
       'the trials before it; on the line both are equal.')


class Prediction(NamedTuple):
    """Observed and predicted objectives of N trials, [N, K] each; the first K."""

    observed: np.ndarray
    predicted: np.ndarray
    how: str = HOW
    """Where the predictions come from, in words."""


def of_the_search(facts: Facts) -> Prediction | None:
    """What the search stored when it suggested its trials, beside what it then learnt
    of them: of every point the figures of its longest training.

    Returns:
      Both in the objectives' own units; None with too few trials that the search had a
      model for, as in a study that is older than these predictions.
    """
    told = {row.trial.number: row.predicted for row in facts.trials
            if row.predicted is not None}
    # A search for the least error has a model of nothing else.
    count = max(map(len, told.values()), default=0)
    told = {number: values for number, values in told.items() if len(values) == count}
    cuts: dict[int, list[Record]] = {}
    for row in facts.networks:
        if row.offset is not None:
            cuts.setdefault(row.trial.number, []).append(row)
    rows = [row for row in latest([row for row in facts.trials if row.trained])
            if row.trial.first in told]
    observed = [figures_of(best_cut(row, cuts.get(row.trial.number, []),
                                    facts.objectives), facts.objectives)[:count]
                for row in rows]
    good = [i for i, figures in enumerate(observed) if np.isfinite(figures).all()]
    if len(good) < FEWEST:
        return None
    return Prediction(np.array([observed[i] for i in good]),
                      np.array([told[rows[i].trial.first] for i in good]))


def section(facts: Facts, found: Prediction | None) -> Element | None:
    """A picture per objective; None with too few trials."""
    if found is None:
        return None
    charts = []
    for column, name in enumerate(facts.objectives.names[:found.predicted.shape[1]]):
        charts.append(_picture(facts.objectives.goal(name), found.observed[:, column],
                               found.predicted[:, column]))
    return element(
        'section', element('h2', 'Predicted and observed'),
        element('div', *charts, class_='planes'), element(
            'p', f'{len(found.observed)} trials, {found.how}', class_='note'),
        id='prediction')


def _picture(goal: Goal, observed: np.ndarray, predicted: np.ndarray) -> Element:
    """Predicted against observed, with their rank correlation."""
    scale = 100.0 if goal.name == ERROR else 1.0
    least = observed[observed > 0].min() if (observed > 0).any() else 1e-3
    seen, told = (scale * np.maximum(v, 0.5 * least) for v in (observed, predicted))
    low, high = float(seen.min()) / 1.3, float(seen.max()) * 1.3
    told = np.clip(told, low, high)
    x, y = (_axis(goal, low, high, ends, words) for ends, words in (
        (SIZE.across, 'observed'), (SIZE.up, 'predicted')))
    ends = np.array([low, high])
    words = ''
    if np.ptp(observed) > 0 and np.ptp(predicted) > 0:
        rank = np.corrcoef(ranks(observed), ranks(predicted))[0, 1]
        words = f', rank correlation {rank:.2f}'
    return chart(f'{sentence(goal.title)}{words}', x, y,
                 line(x.at(ends), y.at(ends), 'diagonal'),
                 dots(x.at(seen), y.at(told), 'large'))


def _axis(
    goal: Goal, low: float, high: float, ends: tuple[float, float], words: str
) -> Axis:
    if goal.name == ERROR:
        return percent_axis(low, high, *ends, f'{words} (%)')
    unit = goal.unit if goal.axis is None else goal.axis
    return size_axis(low, high, *ends, f'{words} ({unit})' if unit else words,
                     bytes_=goal.unit == 'B')
