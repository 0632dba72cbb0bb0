"""Labels as files have them, made int32 classes 0 .. K-1; what was mapped is said."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.data.errors import DataError

_MOST = 65535


class Labels(NamedTuple):
    """The labels of all parts of a set."""

    parts: tuple[np.ndarray | None, ...]
    """As given, each [N] int32 in 0 .. K-1."""
    names: tuple[str, ...]
    """Of the K classes."""
    notes: tuple[str, ...]
    """What was mapped, one line each; empty where the file has 0 .. K-1 itself."""


def classes(
    parts: Sequence[tuple[str, np.ndarray | None]], names: tuple[str, ...] | None,
) -> Labels:
    """Returns the classes that labels mean, the same for all parts.

    Accepted are 0 .. K-1, each present or named; 1 .. K; -1 and +1; texts; True and
    False; whole numbers stored as floats; a column [N, 1]; rows [N, K] with a single
    1 (one-hot).

    Args:
      parts: (where, array or None); the first holds the training labels and decides
        which classes there are.
      names: K names if the source has them; texts are looked up in them.

    Raises:
      DataError: beginning with `where`, for labels that are none of these.
    """
    notes: list[str] = []
    given = [(where, None if array is None else _flat(array, where, notes))
             for where, array in parts]
    kinds = {array.dtype.kind for _, array in given if array is not None}
    if len(kinds) > 1:
        raise DataError(f'{given[0][0]}: labels are texts in one part and numbers in '
                        'another; accepted: the same in all')
    if kinds == {'U'}:
        return _of_texts(given, names, notes)
    return _of_numbers(given, names, notes)


def _flat(array: np.ndarray, where: str, notes: list[str]) -> np.ndarray:
    """[N] of int64 or text, from anything that stands for it."""
    shape = array.shape
    if array.ndim == 2 and shape[1] == 1:
        notes.append(f'{where}: labels of shape {shape} are read as {shape[:1]}')
        array = array[:, 0]
    elif array.ndim == 2 and _is_one_hot(array):
        notes.append(f'{where}: one-hot labels of shape {shape} are read as the column '
                     'of the 1')
        array = array.argmax(axis=1)
    if array.ndim == 1 and array.dtype.kind == 'S':
        # Texts that differ stay so.
        return np.array([text.decode(errors='backslashreplace')
                         for text in array.tolist()])
    if array.ndim == 1 and array.dtype.kind == 'b':
        notes.append(f'{where}: labels False, True are read as classes 0, 1')
        array = array.astype(int)
    if array.ndim == 1 and array.dtype.kind == 'f' and _is_whole(array):
        notes.append(f'{where}: labels of dtype {array.dtype} are read as whole '
                     'numbers')
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in 'iuU':
        raise DataError(
            f'{where}: labels of shape {shape}, dtype {array.dtype}; accepted: [N] '
            'integer or text, or [N, K] one-hot')
    return array


def _is_one_hot(array: np.ndarray) -> bool:
    if array.dtype.kind not in 'biuf' or not array.size:
        return False
    return bool(((array == 0) | (array == 1)).all()
                and (array.sum(axis=1, dtype=np.float64) == 1).all())


def _is_whole(array: np.ndarray) -> bool:
    with np.errstate(invalid='ignore'):
        return bool((np.isfinite(array) & (array == np.round(array))
                     & (np.abs(array) <= _MOST)).all())


def _of_texts(
    given: list[tuple[str, np.ndarray | None]], names: tuple[str, ...] | None,
    notes: list[str],
) -> Labels:
    where, training = given[0]
    assert training is not None
    if names is None:
        names = tuple(in_order(set(training.tolist())))
        notes.append(f'{where}: labels {_some(names)} are read as classes '
                     f'0 .. {len(names) - 1} in this order')
    code = {name: i for i, name in enumerate(names)}
    found = []
    for where, array in given:
        unknown = [] if array is None else [t for t in array.tolist() if t not in code]
        if unknown:
            raise DataError(f'{where}: label {unknown[0]!r:.60}; accepted: '
                            f'{_some(names)}')
        found.append(None if array is None else np.array(
            [code[text] for text in array.tolist()], np.int32))
    return Labels(tuple(found), names, tuple(notes))


def in_order(texts: set[str]) -> list[str]:
    """Class names sorted: by value where all are decimal numbers, so that '10' comes
    after '9'."""
    if all(text.isascii() and text.isdigit() for text in texts):
        return sorted(texts, key=lambda text: (int(text[:20]), text))
    return sorted(texts)


def _some(names: Sequence[str], most: int = 4) -> str:
    shown = [f'{name:.40}' for name in names]
    if len(shown) <= most:
        return ', '.join(shown)
    return ', '.join([*shown[:most - 1], '...', shown[-1]])


def _of_numbers(
    given: list[tuple[str, np.ndarray | None]], names: tuple[str, ...] | None,
    notes: list[str],
) -> Labels:
    where, training = given[0]
    assert training is not None
    values = set()
    for _, array in given:
        values |= set() if array is None else set(np.unique(array).tolist())
    low, high = min(values), max(values)
    present = set(np.unique(training).tolist())
    codes = None
    if values == present == {-1, 1} and len(names or 'ab') == 2:
        codes, names = {-1: 0, 1: 1}, names or ('-1', '1')
    elif 1 < high <= _MOST and present == set(range(1, high + 1)) and (
            low == 1 and len(names or present) == high):
        codes = {value: value - 1 for value in range(1, high + 1)}
        names = names or tuple(map(str, codes))
    # Compared before the cast: int32 would wrap a large label into a valid one.
    elif low < 0 or high > _MOST:
        raise DataError(f'{where}: labels in {low} .. {high}; accepted: 0 .. K-1, '
                        '1 .. K, or -1 and 1')
    if codes:
        found = [None if array is None else np.array(
            [codes[value] for value in array.tolist()], np.int32) for _, array in given]
        notes.append(f'{where}: labels {_some([str(c) for c in codes])} are read as '
                     f'classes 0 .. {len(codes) - 1}')
        return Labels(tuple(found), names or (), tuple(notes))
    names = names or _counted(training, where)
    for where, array in given:
        if array is not None and array.max() >= len(names):
            raise DataError(f'{where}: label {array.max()}; accepted: '
                            f'0 .. {len(names) - 1}')
    return Labels(tuple(None if array is None else array.astype(np.int32)
                        for _, array in given), names, tuple(notes))


def _counted(labels: np.ndarray, where: str) -> tuple[str, ...]:
    num = int(labels.max()) + 1
    missing = np.flatnonzero(np.bincount(labels.astype(np.int64), minlength=num) == 0)
    if len(missing):
        raise DataError(
            f'{where}: no image has the label {missing[0]} although labels go up to '
            f'{num - 1}; accepted: 0 .. K-1 or 1 .. K each present (or an array of '
            'class names)')
    return tuple(str(i) for i in range(num))
