"""Finds the images that a spec names."""

import importlib.util
import itertools
import pathlib

import numpy as np

from sparse_jax import paths
from sparse_jax.data import class_folders, csv_file, idx, npy, npz, pictures
from sparse_jax.data.errors import DataError
from sparse_jax.data.known import CLASS_NAMES, EMBEDDED, PREPARED, SOURCES
from sparse_jax.data.pool import Pool, check, with_channels
from sparse_jax.data.spec import DataSpec
from sparse_jax.data.synthetic import POOL_CLASSES, POOL_SHAPE, POOL_SIZE, draw

_FILES = {'.npz': npz.read, csv_file.SUFFIX: csv_file.read}
_STRANGE = (*_FILES, '.npy', *pictures.SUFFIXES, *pictures.OTHER_SUFFIXES)
"""Files that a data_dir of TFDS has none of."""
_ACCEPTED = ('accepted: an .npz or .csv file, or a folder of idx, .npy or .csv files, '
             'or of one folder of pictures for each class')
_DIGITS = 'datasets/data/digits.csv.gz'
"""In the folder of scikit-learn."""
_LOOKED_AT = 1000
"""Entries of a folder that are looked at before it is given to TFDS."""


def read(spec: DataSpec) -> Pool:
    """Returns all images of the set that `spec` names, checked, with its channels.

    The embedded sets come from memory; `path` decides for the others: an .npz or .csv
    file, a folder of idx, .npy or .csv files or of class folders, otherwise a TFDS
    data_dir.
    Raises `DataError` for a name or a path that leads nowhere, or damaged data.
    """
    name = spec.base_name
    if name in EMBEDDED:
        if spec.path:
            raise DataError(f'path={spec.path!r}: {name!r} needs no files; accepted: '
                            'no path, or another name for the set at this path')
        pool, where = _digits() if name == 'digits' else _synthetic(spec.seed), name
    else:
        pool, where = _from_path(spec)
    if pool.class_names is None:
        pool = pool._replace(class_names=CLASS_NAMES.get(name))
    return with_channels(check(pool, where), spec.channels, where)


def _from_path(spec: DataSpec) -> tuple[Pool, str]:
    name, text = spec.base_name, spec.path
    if not text and name in SOURCES:
        raise DataError(f'name={name!r}: nothing downloads it; accepted: data.path of '
                        f'{SOURCES[name]}')
    try:
        path = paths.local(text)
        exists = not text or path.exists()
    except paths.PathError as error:
        raise DataError(f'path {error}') from error
    except OSError as error:
        raise DataError(f'path={paths.shown(text)}: {error.strerror}; accepted: a '
                        'path that can be read') from error
    if not exists:
        raise DataError(f'path={text!r} does not exist; {_ACCEPTED}, or an existing '
                        'folder for TFDS')
    if text and path.is_file():
        if path.suffix not in _FILES:
            raise DataError(f'path={text!r} is a file; {_ACCEPTED}, or a TFDS data_dir')
        pool = _FILES[path.suffix](path)
        return pool._replace(by_class=path.suffix == csv_file.SUFFIX), str(path)
    if text:
        try:
            pool = _from_folder(path, spec)
        except OSError as error:
            raise DataError(f'path={str(path)!r}: {error.strerror}; accepted: a folder '
                            'that can be read') from error
        if pool is not None:
            return pool, str(path)
        _check_foreign(path, name)
    # Here, as TFDS takes a second to import and most runs do not need it.
    from sparse_jax.data import tfds
    return tfds.read(name, str(path) if text else None), f'TFDS {name!r}'


def _from_folder(folder: pathlib.Path, spec: DataSpec) -> Pool | None:
    """What a folder holds; None where it is nothing but perhaps of TFDS."""
    for source in (idx, npy, csv_file):
        if source.is_folder(folder):
            return source.read_folder(folder)._replace(by_class=source is not idx)
    if class_folders.is_folder(folder):
        return class_folders.read(folder, spec.channels, spec.size)
    return None


def _check_foreign(folder: pathlib.Path, name: str) -> None:
    """Refuse a folder that TFDS would only misunderstand, naming what is in it."""
    wanted = name.split('/')[0].split(':')[0]
    if (folder / wanted).is_dir():
        return
    try:
        found = sorted(itertools.islice(folder.iterdir(), _LOOKED_AT))
    except OSError as error:
        raise DataError(f'path={str(folder)!r}: {error.strerror}; accepted: a folder '
                        'that can be read') from error
    strange = [path for path in found if path.suffix.lower() in _STRANGE
               or 'ubyte' in path.name]
    prepares = wanted in PREPARED or importlib.util.find_spec('tensorflow')
    if strange or found and not prepares:
        shown = [path.name for path in (strange or found)[:3]]
        raise DataError(
            f'path={str(folder)!r}: found {", ".join(shown)}; {_ACCEPTED}, or a TFDS '
            f'data_dir that holds {wanted!r}')


def _digits() -> Pool:
    """scikit-learn's 1797 embedded digits, 8 x 8, values 0..16; no official test."""
    found = importlib.util.find_spec('sklearn')
    folders = (found and found.submodule_search_locations) or ()
    # Importing scikit-learn takes a second; its table of digits is a plain file.
    for path in (pathlib.Path(folder) / _DIGITS for folder in folders):
        if path.is_file():
            table = np.loadtxt(path, dtype=np.uint8, delimiter=',')
            pixels, labels = table[:, :-1], table[:, -1].astype(int)
            break
    else:
        from sklearn.datasets import load_digits
        pixels, labels = load_digits(return_X_y=True)
    return Pool(pixels.reshape(-1, 8, 8).astype(np.uint8), labels,
                class_names=CLASS_NAMES['digits'])


def _synthetic(seed: int) -> Pool:
    return Pool(*draw(seed, POOL_SIZE, shape=POOL_SHAPE, num_classes=POOL_CLASSES))
