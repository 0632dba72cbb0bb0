"""A user's .npz file. Nothing is ever unpickled."""

import pathlib
import zipfile
import zlib

import numpy as np

from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.pool import Pool

_ACCEPTED = ('accepted: an .npz with x_train, y_train[, x_val, y_val][, x_test, '
             'y_test] or X, y, and optionally classes (K names)')


def read(path: pathlib.Path) -> Pool:
    """Reads `x_train, y_train`, with `x_val, y_val` and `x_test, y_test` if present, or
    `X, y`; and `classes` if present.

    Other arrays in the file are ignored and never loaded.
    Raises `DataError` for a file that is no .npz, is damaged, holds objects (pickles)
    or lacks arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _pool(archive, path)
    except DataError:
        raise
    # A damaged zip surfaces as any of these, depending on which byte is wrong;
    # np.load gives AttributeError on exit where the file is a lone .npy array.
    except (OSError, ValueError, EOFError, RuntimeError, AttributeError, TypeError,
            KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f'{path}: cannot be read ({brief(error)}); '
                        f'{_ACCEPTED}') from error


def _pool(archive: np.lib.npyio.NpzFile, path: pathlib.Path) -> Pool:
    keys = set(archive.files)
    wanted = {'images': 'X', 'labels': 'y'}
    if {'x_train', 'y_train'} <= keys:
        wanted = {'images': 'x_train', 'labels': 'y_train'}
        for part in ('test', 'val'):
            if keys & {f'x_{part}', f'y_{part}'}:
                wanted |= {f'{part}_images': f'x_{part}', f'{part}_labels': f'y_{part}'}
    missing = [key for key in wanted.values() if key not in keys]
    if missing:
        raise DataError(f'{path}: holds {sorted(keys)[:8]}, not {missing}; {_ACCEPTED}')
    return Pool(**{field: archive[key] for field, key in wanted.items()},
                class_names=_names(archive, path))


def _names(archive: np.lib.npyio.NpzFile, path: pathlib.Path) -> tuple[str, ...] | None:
    if 'classes' not in archive.files:
        return None
    classes = archive['classes']
    if classes.ndim != 1 or not len(classes):
        raise DataError(f'{path}: classes of shape {classes.shape}; accepted: [K]')
    return tuple(c.decode(errors='replace') if isinstance(c, bytes) else str(c)
                 for c in classes.tolist())
