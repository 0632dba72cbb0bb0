"""Finds the images that a spec names."""

import importlib.util
import itertools
import pathlib

import numpy as np

from sparse_jax import paths
from sparse_jax.data import idx, npz
from sparse_jax.data.errors import DataError
from sparse_jax.data.known import CLASS_NAMES, EMBEDDED, PREPARED
from sparse_jax.data.pool import Pool, check
from sparse_jax.data.spec import DataSpec
from sparse_jax.data.synthetic import POOL_CLASSES, POOL_SHAPE, POOL_SIZE, draw

_IMAGES = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.tif', '.tiff', '.webp', '.pgm',
           '.ppm')
_LOOKED_AT = 1000
"""Entries of a folder that are looked at before it is given to TFDS."""


def read(spec: DataSpec) -> Pool:
    """Returns all images of the set that `spec` names, checked.

    The embedded sets come from memory; `path` decides for the others: an .npz file, a
    folder of idx files, otherwise a TFDS data_dir.
    Raises `DataError` for a name or a path that leads nowhere, or damaged data.
    """
    name = spec.base_name
    if name in EMBEDDED:
        if spec.path:
            raise DataError(f'path={spec.path!r}: {name!r} needs no files; accepted: '
                            'no path, or another name for the set at this path')
        return check(_digits() if name == 'digits' else _synthetic(spec.seed), name)
    pool, where = _from_path(name, spec.path)
    if pool.class_names is None:
        pool = pool._replace(class_names=CLASS_NAMES.get(name))
    return check(pool, where)


def _from_path(name: str, text: str) -> tuple[Pool, str]:
    try:
        path = paths.local(text)
        exists = not text or path.exists()
    except paths.PathError as error:
        raise DataError(f'path {error}') from error
    except OSError as error:
        raise DataError(f'path={paths.shown(text)}: {error.strerror}; accepted: a '
                        'path that can be read') from error
    if not exists:
        raise DataError(f'path={text!r} does not exist; accepted: an .npz file, a '
                        'folder of idx files, or an existing folder for TFDS')
    if text and path.is_file():
        if path.suffix != '.npz':
            raise DataError(f'path={text!r} is a file; accepted: an .npz file, a '
                            'folder of idx files, or a TFDS data_dir')
        return npz.read(path), str(path)
    if text and idx.is_folder(path):
        return idx.read_folder(path), str(path)
    if text:
        _check_foreign(path, name)
    # Here, as TFDS takes a second to import and most runs do not need it.
    from sparse_jax.data import tfds
    return tfds.read(name, str(path) if text else None), f'TFDS {name!r}'


def _check_foreign(folder: pathlib.Path, name: str) -> None:
    """Refuse a folder that TFDS would only misunderstand, naming what is in it."""
    wanted = name.split('/')[0].split(':')[0]
    if (folder / wanted).is_dir():
        return
    try:
        found = sorted(itertools.islice(folder.iterdir(), _LOOKED_AT))
        # Classes may be folders of images.
        inside = [path for entry in found if entry.is_dir()
                  for path in itertools.islice(entry.iterdir(), _LOOKED_AT // 100)]
    except OSError as error:
        raise DataError(f'path={str(folder)!r}: {error.strerror}; accepted: a folder '
                        'that can be read') from error
    strange = [path for path in found if path.suffix == '.npz' or 'ubyte' in path.name]
    strange += [path for path in found + inside if path.suffix.lower() in _IMAGES]
    prepares = wanted in PREPARED or importlib.util.find_spec('tensorflow')
    if strange or found and not prepares:
        shown = [str(path.relative_to(folder)) for path in (strange or found)[:3]]
        raise DataError(
            f'path={str(folder)!r}: found {", ".join(shown)}; accepted: an .npz file, '
            f'a folder with {", ".join(idx.TRAIN_FILES)}, or a TFDS data_dir that '
            f'holds {wanted!r}')


def _digits() -> Pool:
    """scikit-learn's 1797 embedded digits, 8 x 8, values 0..16; no official test."""
    from sklearn.datasets import load_digits
    pixels, labels = load_digits(return_X_y=True)
    return Pool(pixels.reshape(-1, 8, 8).astype(np.uint8), labels,
                class_names=CLASS_NAMES['digits'])


def _synthetic(seed: int) -> Pool:
    return Pool(*draw(seed, POOL_SIZE, shape=POOL_SHAPE, num_classes=POOL_CLASSES))
