"""A user's .npz file. Nothing is ever unpickled."""

import pathlib
import re
import zipfile

import numpy as np

from sparse_jax.data import layout
from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.pool import Pool

_ACCEPTED = ('accepted: an .npz with x_train, y_train[, x_val, y_val][, x_test, '
             'y_test] or X, y, and optionally classes (K names)')
_KINDS = {'x': ('x', 'xs', 'image', 'images', 'img', 'imgs', 'data', 'input', 'inputs',
                'feature', 'features'),
          'y': ('y', 'ys', 'label', 'labels', 'target', 'targets')}
_PARTS = {'train': ('train', 'training'),
          'val': ('val', 'valid', 'validation', 'dev'),
          'test': ('test', 'testing', 'heldout', 'holdout', 'eval')}
_COMPRESSION = 1100
"""Bytes that one byte of a zip can stand for, and a little more."""


def read(path: pathlib.Path) -> Pool:
    """Reads `x_train, y_train`, with `x_val, y_val` and `x_test, y_test` if present, or
    `X, y`; `classes` if present; and `layout` ('NHWC' or 'NCHW') if present.

    Other arrays in the file are never loaded; the notes of the pool name them.
    Raises `DataError` for a file that is no .npz, is damaged, holds objects (pickles),
    lacks arrays, or has an array with nearly the name of one that is missing.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise TypeError('a single array')
    # What a damaged file raises depends on which of its bytes is wrong.
    except Exception as error:
        raise _damaged(path, error) from error
    with archive:
        keys = archive.files
        wanted = _wanted(keys, path)
        arrays = {field: _array(archive, key, path) for field, key in wanted.items()}
        names = _names(archive, path)
        order = _layout(archive, arrays['images'], path)
    unread = sorted(set(keys) - set(wanted.values()) - {'classes', 'layout'})
    notes = [f'{path}: {key:.60} is not read; {_ACCEPTED}' for key in unread]
    if order == 'NCHW':
        shape = arrays['images'].shape
        arrays |= {field: layout.to_last(array, order)
                   for field, array in arrays.items() if field.endswith('images')}
        notes.append(f'{path}: images of shape {shape} are read as [N, C, H, W]')
    return Pool(**arrays, class_names=names, notes=tuple(notes))


def _wanted(keys: list[str], path: pathlib.Path) -> dict[str, str]:
    """Field of the pool -> its key.

    Raises:
      DataError: a key is missing, or another has nearly its name.
    """
    parted = [key for key in sorted(keys) if _meaning(key)[1]]
    wanted = {'images': 'X', 'labels': 'y'}
    if parted and {'X', 'y'} <= set(keys) and not {'x_train', 'y_train'} <= set(keys):
        raise DataError(f'{path}: {parted[0]:.60} stands beside X and y; accepted: '
                        'x_train, y_train in place of X, y')
    if parted:
        wanted = {'images': 'x_train', 'labels': 'y_train'}
        for part in ('test', 'val'):
            if any(_meaning(key)[1] == part for key in parted):
                wanted |= {f'{part}_images': f'x_{part}', f'{part}_labels': f'y_{part}'}
    missing = [key for key in wanted.values() if key not in keys]
    for key in sorted(keys):
        if (meant := _accepted_name(key)) in missing:
            raise DataError(f'{path}: {key:.60} is not read; accepted: {meant}')
    if missing:
        shown = [key[:60] for key in sorted(keys)[:8]]
        raise DataError(f'{path}: holds {shown}, not {missing}; {_ACCEPTED}')
    return wanted


def _accepted_name(key: str) -> str:
    """The key that a name means; '' for names that mean none."""
    kind, part = _meaning(key)
    return f'{kind}_{part}' if part else {'x': 'X', 'y': 'y'}.get(kind, '')


def _meaning(key: str) -> tuple[str, str]:
    """('x' or 'y', part or '') of a name, in any case and order; ('', '') of others."""
    text = re.sub('[^a-z]', '', key.lower())
    for kind, words in _KINDS.items():
        if text in words:
            return kind, ''
        for part, others in _PARTS.items():
            if any(text in (a + b, b + a) for a in words for b in others):
                return kind, part
    return '', ''


def _array(
    archive: np.lib.npyio.NpzFile, key: str, path: pathlib.Path,
) -> np.ndarray:
    """One array, unless its header claims more than the file can hold."""
    try:
        members = archive.zip
        assert members is not None
        name = key if key in members.namelist() else f'{key}.npy'
        info = members.getinfo(name)
        claimed = _claimed(members, name)
        if max(claimed, info.file_size) > _COMPRESSION * (info.compress_size + 1):
            raise DataError(f'{path}: {key:.60} claims {claimed} bytes, in a file of '
                            f'{path.stat().st_size}; {_ACCEPTED}')
        return archive[key]
    except DataError:
        raise
    # As above.
    except Exception as error:
        raise _damaged(path, error) from error


def _claimed(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes that the array of a member has, as its header says."""
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read_header = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                       else np.lib.format.read_array_header_2_0)
        shape, _, dtype = read_header(file)
    total = dtype.itemsize
    for size in shape:
        total *= size
    return total


def _damaged(path: pathlib.Path, error: Exception) -> DataError:
    return DataError(f'{path}: cannot be read ({brief(error)}); {_ACCEPTED}')


def _names(archive: np.lib.npyio.NpzFile, path: pathlib.Path) -> tuple[str, ...] | None:
    if 'classes' not in archive.files:
        return None
    classes = _array(archive, 'classes', path)
    if classes.ndim != 1 or not len(classes):
        raise DataError(f'{path}: classes of shape {classes.shape}; accepted: [K]')
    return tuple(c.decode(errors='replace') if isinstance(c, bytes) else str(c)
                 for c in classes.tolist())


def _layout(
    archive: np.lib.npyio.NpzFile, images: np.ndarray, path: pathlib.Path,
) -> str:
    """What the file says of the order of its axes, else what the sizes say."""
    if 'layout' in archive.files:
        found = str(_array(archive, 'layout', path).tolist())
        if found not in layout.LAYOUTS:
            raise DataError(f'{path}: layout {found!r:.60}; accepted: '
                            f'{", ".join(layout.LAYOUTS)}')
        return found
    return layout.find(images.shape, str(path)) if (
        images.ndim == 4 and images.size) else layout.LAYOUTS[0]
