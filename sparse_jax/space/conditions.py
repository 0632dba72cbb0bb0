"""Which rows of the table matter to a point, for many points at once."""

import functools
from typing import NamedTuple

import numpy as np

from sparse_jax.space import levels
from sparse_jax.space.dimensions import Condition
from sparse_jax.space.sparse_space import Space


class _Rule(NamedTuple):
    """Dimensions with one condition, its clauses resolved to columns and levels."""

    columns: np.ndarray
    clauses: tuple[tuple[int, ...], ...]
    """Disjunction of conjunctions of places in `_Rules.conditions`."""


class _Rules(NamedTuple):
    """The conditions of a table."""

    conditions: tuple[tuple[int, np.ndarray], ...]
    """(column, [levels] bool) each: it matters, and has one of the levels."""
    rules: tuple[_Rule, ...]
    """In evaluation order."""


def activity(space: Space, numbers: np.ndarray) -> np.ndarray:
    """Level numbers of rows [N, D] -> [N, D] bool: which dimensions matter."""
    index = np.ascontiguousarray(numbers.T)
    # By columns: each is written and read as a whole.
    active = np.zeros(index.shape, bool)
    conditions, rules = _rules(space)
    known: dict[int, np.ndarray] = {}
    for columns, clauses in rules:
        either = np.zeros(index.shape[1], bool)
        for clause in clauses:
            holds = np.ones(index.shape[1], bool)
            for place in clause:
                if place not in known:
                    column, allowed = conditions[place]
                    known[place] = active[column] & allowed[index[column]]
                holds &= known[place]
            either |= holds
        active[columns] = either
    return active.T


@functools.lru_cache(maxsize=64)
def _rules(space: Space) -> _Rules:
    """The table's conditions, each once."""
    alike: dict[tuple[tuple[Condition, ...], ...], list[int]] = {}
    for column in _evaluation_order(space):
        alike.setdefault(space.dimensions[column].when, []).append(column)
    places: dict[Condition, int] = {}
    rules = [_Rule(np.array(columns), tuple(
        tuple(places.setdefault(c, len(places)) for c in clause) for clause in when))
             for when, columns in alike.items()]
    conditions = []
    for condition in places:
        source = space.index(condition.name)
        conditions.append((source, np.array(
            [v in condition.values for v in levels.values(space)[source]])))
    return _Rules(tuple(conditions), tuple(rules))


def _evaluation_order(space: Space) -> list[int]:
    """Columns with every dimension after those its condition names."""
    order, done = [], set()
    while len(order) < len(space.dimensions):
        before = len(order)
        for i, d in enumerate(space.dimensions):
            needs = {c.name for clause in d.when for c in clause}
            if i not in done and all(space.index(n) in done for n in needs):
                order.append(i)
                done.add(i)
        if len(order) == before:
            raise ValueError('the conditions of the search space form a circle')
    return order
