"""Class groupings: '0-4/5-9' makes classes 0..4 the new class 0 and 5..9 the new 1."""

import re
from collections.abc import Iterator

import numpy as np

from sparse_jax.data.errors import DataError

_RANGE = re.compile(r'(\d{1,6})(?:-(\d{1,6}))?')


def parse(grouping: str, class_names: tuple[str, ...]) -> tuple[
        np.ndarray, tuple[str, ...]]:
    """Returns what a grouping does to K classes: ([K] int32 new labels, new names).

    Args:
      grouping: '' (nothing), 'binary' (the first K // 2 classes against the rest; the
        papers do not publish theirs, so this is the project's own choice) or groups
        separated by '/', each a comma list of classes and inclusive ranges. Every
        class is in exactly one group: dropping classes would change the split sizes.
      class_names: K names.

    Raises `DataError` for anything else.
    """
    num = len(class_names)
    if not grouping:
        return np.arange(num, dtype=np.int32), class_names
    if num < 2:
        raise _bad(grouping, f'the data have {num} class', num)
    half = num // 2
    text = f'0-{half - 1}/{half}-{num - 1}' if grouping == 'binary' else grouping
    table = np.full(num, -1, np.int32)
    groups = text.split('/')
    for new, group in enumerate(groups):
        for old in _members(group, num, grouping):
            if table[old] >= 0:
                raise _bad(grouping, f'class {old} is listed twice', num)
            table[old] = new
    if (table < 0).any():
        missing = np.flatnonzero(table < 0).tolist()
        raise _bad(grouping, f'classes {missing[:10]} are in no group', num)
    if len(groups) < 2:
        raise _bad(grouping, 'there is a single group', num)
    return table, tuple(groups)


def _members(group: str, num: int, grouping: str) -> Iterator[int]:
    for item in group.split(','):
        match = _RANGE.fullmatch(item.strip())
        if not match:
            raise _bad(grouping, f'{item!r} is no class or range', num)
        first = int(match[1])
        last = int(match[2] or first)
        if not first <= last < num:
            raise _bad(grouping, f'{item!r} is not within 0-{num - 1}', num)
        yield from range(first, last + 1)


def _bad(grouping: str, reason: str, num: int) -> DataError:
    groups = ('' if num < 2 else ', binary, or groups such as '
              f'0-{num - 2}/{num - 1} that hold each of the {num} classes once')
    return DataError(f'classes={grouping!r}: {reason}; accepted: empty{groups}')
