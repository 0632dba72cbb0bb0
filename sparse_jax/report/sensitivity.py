"""Which rows of the table move which objective."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.goals import figure
from sparse_jax.report.elements import Child, Element, element, table
from sparse_jax.report.facts import Facts
from sparse_jax.report.ranks import ranks
from sparse_jax.study.lineage import latest
from sparse_jax.study.record import Record

FEWEST = 8
"""Trials with the row below which nothing is said of it."""
SHOWN = 12
"""Rows of the table on the page."""


class Influence(NamedTuple):
    """What one row of the table has to do with the objectives."""

    row: str
    trials: int
    """In which it is active."""
    strength: tuple[float, ...]
    """[K] Spearman's rank correlation, -1 to 1; of values without an order the
    correlation ratio of the ranks, 0 to 1. NaN where nothing can be said."""
    ordered: bool


def influences(facts: Facts) -> list[Influence]:
    """Of every row with enough trials, the strongest first."""
    trained = [row for row in latest(facts.trials)
               if row.trained and row.costs is not None]
    names = facts.objectives.names
    found = []
    for dimension in facts.study.space.dimensions:
        have = [row for row in trained if dimension.name in row.point]
        values = [row.point[dimension.name] for row in have]
        if len(have) < FEWEST or len(set(map(str, values))) < 2:
            continue
        ordered = dimension.kind != 'categorical'
        strength = tuple(_strength(values, _figures(have, name, facts), ordered)
                         for name in names)
        if not all(map(np.isnan, strength)):
            found.append(Influence(dimension.name, len(have), strength, ordered))
    key = lambda one: -np.nanmax(np.abs(one.strength))
    return sorted(found, key=key)


def _figures(rows: Sequence[Record], name: str, facts: Facts) -> np.ndarray:
    values = [figure(row, name, facts.objectives) for row in rows]
    return np.array([np.nan if value is None else value for value in values], float)


def _strength(values: Sequence, goals: np.ndarray, ordered: bool) -> float:
    known = np.isfinite(goals)
    if known.sum() < FEWEST or np.ptp(goals[known]) == 0:
        return float('nan')
    kept = [value for value, is_known in zip(values, known) if is_known]
    ranked = ranks(goals[known])
    if not ordered:
        return correlation_ratio([str(value) for value in kept], ranked)
    numbers = np.array(kept, float)
    if np.ptp(numbers) == 0:
        return float('nan')
    return float(np.corrcoef(ranks(numbers), ranked)[0, 1])


def correlation_ratio(groups: Sequence[str], values: np.ndarray) -> float:
    """Root of the share of the variance of values [N] that lies between groups [N]."""
    between = 0.0
    for name in set(groups):
        own = values[[group == name for group in groups]]
        between += len(own) * (own.mean() - values.mean()) ** 2
    whole = float(((values - values.mean()) ** 2).sum())
    return float(np.sqrt(between / whole)) if whole else float('nan')


def section(facts: Facts) -> Element | None:
    """The strongest rows as a table; None while there are too few trials."""
    found = influences(facts)
    if not found:
        return None
    goals = [facts.objectives.goal(name) for name in facts.objectives.names]
    head: list[Child] = ['row of the table', 'trials', *(
        element('th', g.heading, scope='col', title=g.title) for g in goals)]
    rows: list[list[Child]] = [
        [element('td', one.row, class_='code'), str(one.trials),
         *(_cell(value, one) for value in one.strength)] for one in found[:SHOWN]]
    count = max(one.trials for one in found)
    return element(
        'section', element('h2', 'What moves the objectives'),
        table(head, rows, sortable=True), element(
            'p', 'Spearman rank correlation between a row of the table and an '
            'objective, over the trained trials in which the row is active, at their '
            'own cut; + means more of one goes with more of the other. Values without '
            'an order have the correlation ratio of the ranks (η, no sign). With '
            f'{count} trials, chance alone gives one row in twenty more than '
            f'{1.96 / np.sqrt(max(count - 1, 1)):.2f}. A search does not sample at '
            'random: these are hints, not effects.', class_='note'),
        id='sensitivity')


def _cell(value: float, one: Influence) -> Element:
    if np.isnan(value):
        return element('td', '')
    words = f'{value:+.2f}' if one.ordered else f'{value:.2f} η'
    kind = 'minus' if value < 0 else 'plus'
    return element('td', words, class_=f'heat {kind}', style=f'--h:{abs(value):.2f}')
