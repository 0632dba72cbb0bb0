"""Named arrays as a data set: what people call them, and what is in them."""

import pathlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sparse_jax.data import layout
from sparse_jax.data.errors import DataError
from sparse_jax.data.part_names import PARTS
from sparse_jax.data.pool import Pool

ACCEPTED = ('accepted: an .npz with x_train, y_train[, x_val, y_val][, x_test, '
            'y_test] or X, y, and optionally classes (K names)')
_KINDS = {'x': ('x', 'xs', 'image', 'images', 'img', 'imgs', 'data', 'input', 'inputs',
                'feature', 'features'),
          'y': ('y', 'ys', 'label', 'labels', 'target', 'targets')}


def read(keys: Iterable[str], array: Callable[[str], np.ndarray],
         path: pathlib.Path, accepted: str = ACCEPTED) -> Pool:
    """Reads `x_train, y_train`, with `x_val, y_val` and `x_test, y_test` if present, or
    `X, y`; `classes` if present; and `layout` ('NHWC' or 'NCHW') if present.

    Other arrays are never loaded; the notes of the pool name them.

    Args:
      keys: the names that there are.
      array: gives the array of a name.
      path: of the file or folder, for messages.
      accepted: the end of messages.

    Raises:
      DataError: arrays are missing, or one has nearly the name of one that is.
    """
    keys = list(keys)
    wanted = _wanted(keys, path, accepted)
    arrays: dict[str, Any] = {field: array(key) for field, key in wanted.items()}
    names = _names(array('classes'), path) if 'classes' in keys else None
    order = _layout(array('layout') if 'layout' in keys else None, arrays['images'],
                    path)
    unread = sorted(set(keys) - set(wanted.values()) - {'classes', 'layout'})
    notes = [f'{path}: {key:.60} is not read; {accepted}' for key in unread]
    if order == 'NCHW':
        shape = arrays['images'].shape
        arrays |= {field: layout.to_last(array, order)
                   for field, array in arrays.items() if field.endswith('images')}
        notes.append(f'{path}: images of shape {shape} are read as [N, C, H, W]')
    return Pool(**arrays, class_names=names, notes=tuple(notes))


def _wanted(keys: list[str], path: pathlib.Path, accepted: str) -> dict[str, str]:
    """Field of the pool -> its key.

    Raises:
      DataError: a key is missing, or another has nearly its name.
    """
    parted = [key for key in sorted(keys) if meaning(key)[1]]
    wanted = {'images': 'X', 'labels': 'y'}
    if parted and {'X', 'y'} <= set(keys) and not {'x_train', 'y_train'} <= set(keys):
        raise DataError(f'{path}: {parted[0]:.60} stands beside X and y; accepted: '
                        'x_train, y_train in place of X, y')
    if parted:
        wanted = {'images': 'x_train', 'labels': 'y_train'}
        for part in ('test', 'val'):
            if any(meaning(key)[1] == part for key in parted):
                wanted |= {f'{part}_images': f'x_{part}', f'{part}_labels': f'y_{part}'}
    missing = [key for key in wanted.values() if key not in keys]
    for key in sorted(keys):
        if (meant := accepted_name(key)) in missing:
            raise DataError(f'{path}: {key:.60} is not read; accepted: {meant}')
    if missing:
        shown = [key[:60] for key in sorted(keys)[:8]]
        raise DataError(f'{path}: holds {shown}, not {missing}; {accepted}')
    return wanted


def accepted_name(key: str) -> str:
    """The key that a name means; '' for names that mean none."""
    return name_of(*meaning(key))


def name_of(kind: str, part: str) -> str:
    """The key of the images ('x') or labels ('y') of a part, '' for all of them; ''
    for another kind."""
    return f'{kind}_{part}' if kind and part else {'x': 'X', 'y': 'y'}.get(kind, '')


def meaning(key: str) -> tuple[str, str]:
    """('x' or 'y', part or '') of a name, in any case and order; ('', '') of others."""
    text = re.sub('[^a-z]', '', key.lower())
    for kind, words in _KINDS.items():
        if text in words:
            return kind, ''
        for part, others in PARTS.items():
            if any(text in (a + b, b + a) for a in words for b in others):
                return kind, part
    return '', ''


def _names(classes: np.ndarray, path: pathlib.Path) -> tuple[str, ...]:
    if classes.ndim != 1 or not len(classes):
        raise DataError(f'{path}: classes of shape {classes.shape}; accepted: [K]')
    found = tuple(c.decode(errors='backslashreplace') if isinstance(c, bytes) else
                  str(c) for c in classes.tolist())
    wrong = [name for i, name in enumerate(found)
             if not name.strip() or name in found[:i]]
    if wrong:
        raise DataError(f'{path}: class {wrong[0]!r:.60} of classes; accepted: names '
                        'that differ, none empty')
    return found


def _layout(
    said: np.ndarray | None, images: np.ndarray, path: pathlib.Path,
) -> str:
    """What the file says of the order of its axes, else what the sizes say."""
    if said is not None:
        found = str(said.tolist())
        if found not in layout.LAYOUTS:
            raise DataError(f'{path}: layout {found!r:.60}; accepted: '
                            f'{", ".join(layout.LAYOUTS)}')
        return found
    return layout.find(images.shape, str(path)) if (
        images.ndim == 4 and images.size) else layout.LAYOUTS[0]
