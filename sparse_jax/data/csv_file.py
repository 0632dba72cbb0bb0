"""Images as lines of text: a label and the pixels, separated by commas.

    label,pixel0,pixel1,...          label,1x1,1x2,...,28x28          3,0,0,17,255,...

A header is optional. The label is in the column called label, class, target or y;
without a header in the first. All other columns are pixels, row by row, of a square
image; names of two numbers give the row and the column of a pixel, of three also its
channel. Semicolons and tabs separate as well.
"""

import csv
import io
import pathlib
import re
import warnings
from typing import NamedTuple

import numpy as np

from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.part_names import part_of
from sparse_jax.data.pool import Pool

SUFFIX = '.csv'
_LABELS = ('label', 'labels', 'class', 'target', 'y')
_SEPARATORS = ',;\t'
_LINE = 2**20
"""Characters of the first line that are read at most."""
_LARGEST = 2**24
"""Whole numbers up to this one are exact in float32."""


class _Columns(NamedTuple):
    """What the first line says."""

    separator: str
    header: bool
    label: int
    """Column of the label."""
    shape: tuple[int, ...]
    """(H, W) or (H, W, C) of an image."""
    order: np.ndarray
    """[H * W * C] columns of the pixels, in the order of an image."""


def is_folder(folder: pathlib.Path) -> bool:
    """Whether a folder holds the parts of a set as CSV files, as in train.csv."""
    return 'train' in _files(folder)


def read_folder(folder: pathlib.Path) -> Pool:
    """Reads train.csv, and test.csv and validation.csv if they are there.

    Raises:
      DataError: as `read`.
    """
    parts = {part: _rows(path) for part, path in _files(folder).items()}
    arrays = {}
    for part, (images, labels) in parts.items():
        prefix = '' if part == 'train' else f'{part}_'
        arrays |= {f'{prefix}images': images, f'{prefix}labels': labels}
    return Pool(**arrays)


def read(path: pathlib.Path) -> Pool:
    """Reads one file, of all images.

    Raises:
      DataError: one line that names the file, where it is no table of labels and
        pixels.
    """
    return Pool(*_rows(path))


def _files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    found = {}
    for path in sorted(folder.glob(f'*{SUFFIX}')):
        part = part_of(path.stem)
        if part in found:
            raise DataError(f'{path}: stands beside {found[part].name}; accepted: one '
                            f'file of the {part} part')
        if part and path.is_file():
            found[part] = path
    return found


def _rows(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, H, W] or [N, H, W, C] and labels [N], numbers or texts."""
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            columns = _columns(file, path)
            file.seek(0)
            texts: list[str] = []
            with warnings.catch_warnings():
                # An empty table is refused below.
                warnings.simplefilter('ignore')
                table = np.loadtxt(
                    file, np.float32, comments=None, delimiter=columns.separator,
                    skiprows=int(columns.header), ndmin=2, quotechar='"', converters={
                        columns.label: lambda text: texts.append(text.strip()) or 0})
    except DataError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f'{path}: cannot be read ({brief(error)}); accepted: a label '
                        'and pixels in every line, as many in each') from error
    if not len(table):
        raise DataError(f'{path}: has no lines of pixels; accepted: one or more')
    # Of the first line, on which numpy tries the converter.
    texts = texts[len(texts) - len(table):]
    return _bytes(table[:, columns.order]).reshape(-1, *columns.shape), _labels(
        texts, path)


def _columns(file: io.TextIOBase, path: pathlib.Path) -> _Columns:
    line = file.readline(_LINE)
    if len(line) == _LINE:
        raise DataError(f'{path}: its first line has no end; accepted: a label and '
                        'pixels in every line')
    separator = max(_SEPARATORS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
    if len(names) < 5:
        raise DataError(f'{path}: {len(names)} columns; accepted: a label and at least '
                        '4 pixels')
    if not _is_header(names):
        order = np.arange(1, len(names))
        return _Columns(separator, False, 0, _square(len(order), path), order)
    found = [i for i, name in enumerate(names) if name.lower() in _LABELS]
    if len(found) != 1:
        shown = ', '.join(names[i] for i in found[:3]) or f'{names[0]:.40}, ...'
        raise DataError(f'{path}: columns {shown}; accepted: one column called '
                        f'{", ".join(_LABELS)}')
    shape, order = _pixels({name: i for i, name in enumerate(names) if i != found[0]},
                           len(names) - 1, path)
    return _Columns(separator, True, found[0], shape, order)


def _is_header(names: list[str]) -> bool:
    """Whether the first line has names; those of pixels may be counted numbers."""
    if not any(map(_is_number, names[1:])):
        return True
    counted = [str(i) for i in range(len(names))]
    return names[0].lower() in _LABELS and names[1:] in (counted[:-1], counted[1:])


def _pixels(
    names: dict[str, int], count: int, path: pathlib.Path
) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape of an image and columns of its pixels, from {name: column}."""
    numbers = {name: tuple(map(int, re.findall(r'\d{1,6}', name))) for name in names}
    for name, found in numbers.items():
        if not found or len(found) > 3:
            raise DataError(f'{path}: column {name!r:.60} is no pixel; accepted: names '
                            'with a number, as pixel0, or with row and column, as 1x28')
    if len(names) < count or len({len(found) for found in numbers.values()}) > 1:
        raise DataError(f'{path}: names of columns are not alike, or not all '
                        'different; accepted: pixel0, pixel1, ..., or 1x1, 1x2, ...')
    columns = sorted(names, key=lambda name: numbers[name])
    order = np.array([names[name] for name in columns])
    axes = np.array([numbers[name] for name in columns])
    if axes.shape[1] == 1:
        return _square(len(order), path), order
    shape = tuple((axes.max(axis=0) - axes.min(axis=0) + 1).tolist())
    if int(np.prod(shape)) != len(order):
        raise DataError(f'{path}: {len(order)} columns are named up to '
                        f'{"x".join(map(str, shape))}; accepted: one for every pixel')
    return shape, order


def _square(count: int, path: pathlib.Path) -> tuple[int, int]:
    side = round(count ** 0.5)
    if side * side != count:
        raise DataError(
            f'{path}: {count} pixels are no square; accepted: a square number of them, '
            'or a header whose names give row and column, as 1x28')
    return side, side


def _bytes(table: np.ndarray) -> np.ndarray:
    """Whole numbers as such, others as float32."""
    with np.errstate(invalid='ignore'):
        whole = bool((np.abs(table) <= _LARGEST).all()
                     and (table == np.round(table)).all())
    return table.astype(np.int32) if whole else table


def _labels(texts: list[str], path: pathlib.Path) -> np.ndarray:
    empty = [i for i, text in enumerate(texts) if not text]
    if empty:
        raise DataError(f'{path}: image {empty[0] + 1} has no label; accepted: one for '
                        'each')
    if not all(map(_is_number, texts)):
        return np.array(texts)
    numbers = np.array([float(text) for text in texts])
    small = np.isfinite(numbers).all() and (np.abs(numbers) <= _LARGEST).all()
    return numbers.astype(np.int64) if small and (
        numbers == np.round(numbers)).all() else numbers


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
