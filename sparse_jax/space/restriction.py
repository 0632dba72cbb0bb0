"""A space with fewer values: the rows of the table that a user holds or narrows."""

import dataclasses
import fnmatch
from collections.abc import Callable

from sparse_jax.space.dimensions import Dimension, Value
from sparse_jax.space.sparse_space import Space

_SYNTAX = ('ROW=VALUE, ROW=LOW:HIGH or ROW=ONE|OTHER, separated by commas, where ROW '
           'may have * for any text')


def restrict(space: Space, text: str) -> Space:
    """The space with some rows narrowed.

    Args:
      text: comma-separated `ROW=VALUES`. ROW is a name of the table, or a pattern with
        `*` for several rows; VALUES is one value, `LOW:HIGH` for numbers or
        `ONE|OTHER|...` for choices. '' leaves the space as it is.

    Raises:
      ValueError: one line with the item and what is allowed.
    """
    rows = list(space.dimensions)
    for item in filter(None, (part.strip() for part in text.split(','))):
        pattern, equals, values = (part.strip() for part in item.partition('='))
        if not equals:
            raise ValueError(f'{item!r:.60} is not allowed; allowed: {_SYNTAX}')
        matched = [i for i, row in enumerate(rows)
                   if fnmatch.fnmatchcase(row.name, pattern)]
        # A pattern is about derived rows only if it is about nothing else.
        chosen = [i for i in matched if not rows[i].role.derived] or matched
        if not chosen:
            raise ValueError(f'{pattern!r:.60} is no row of the table; allowed: '
                             f'{", ".join(_families(space))}')
        for i in chosen:
            try:
                rows[i] = narrow(rows[i], values)
            except ValueError as error:
                raise ValueError(f'{rows[i].name}: {values!r:.60} is not allowed; '
                                 f'{error}') from None
    return dataclasses.replace(space, dimensions=tuple(rows))


def hold(space: Space, which: Callable[[Dimension], bool]) -> Space:
    """The space with some of its rows at their lowest value, or at their first."""
    least = lambda row: str(row.options[0]) if row.options else repr(row.low)
    rows = tuple(narrow(row, least(row)) if which(row) else row
                 for row in space.dimensions)
    return dataclasses.replace(space, dimensions=rows)


def narrow(row: Dimension, text: str) -> Dimension:
    """A row with only the values that `text` names.

    Raises:
      ValueError: what is allowed.
    """
    if row.role.derived:
        raise ValueError('allowed: no restriction, the value follows from the network')
    whole = row
    if row.options:
        found = [_value(row, part) for part in text.split('|')]
        row = dataclasses.replace(
            row, choices=tuple(v for v in row.options if v in found))
    else:
        low, *rest = (_value(row, part) for part in text.split(':', 1))
        high = rest[0] if rest else low
        assert isinstance(low, int | float) and isinstance(high, int | float)
        if low > high:
            raise ValueError('allowed: LOW:HIGH with LOW at most HIGH')
        # A single real value is a grid of one.
        step = row.step or float(low == high)
        row = dataclasses.replace(row, low=low, high=high, step=step)
    if row.neutral is not None and row.problem(row.neutral):
        row = dataclasses.replace(row, neutral=None)
    # What is never active keeps its value: depth of a grey image.
    return row if row.when else whole


def _value(row: Dimension, text: str) -> Value:
    """One value of a row, from text."""
    text = text.strip()
    value: Value = {'true': True, 'false': False}.get(text.lower(), text)
    numeric = not row.options
    if numeric and '_' not in text:
        try:
            value = float(text)
        except ValueError:
            pass
    problem = row.problem(value)
    if problem:
        raise ValueError(problem + ', as ONE or LOW:HIGH' * numeric)
    return round(float(value)) if row.kind == 'integer' else value


def _families(space: Space) -> dict[str, None]:
    """Names of the table, those of blocks and layers as patterns."""
    names = (row.name.split('-block-') for row in space.dimensions
             if not row.role.derived)
    return dict.fromkeys(head + '-block-*' * bool(tail) for head, *tail in names)
