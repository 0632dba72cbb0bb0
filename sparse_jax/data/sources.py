"""Finds the images that a spec names."""

import pathlib

import numpy as np

from sparse_jax.data import idx, npz
from sparse_jax.data.errors import DataError
from sparse_jax.data.known import CLASS_NAMES, EMBEDDED
from sparse_jax.data.pool import Pool, check
from sparse_jax.data.spec import DataSpec
from sparse_jax.data.synthetic import POOL_CLASSES, POOL_SHAPE, POOL_SIZE, draw


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
    path = pathlib.Path(text).expanduser()
    if text and not path.exists():
        raise DataError(f'path={text!r} does not exist; accepted: an .npz file, a '
                        'folder of idx files, or an existing folder for TFDS')
    if text and path.is_file():
        if path.suffix != '.npz':
            raise DataError(f'path={text!r} is a file; accepted: an .npz file, a '
                            'folder of idx files, or a TFDS data_dir')
        return npz.read(path), str(path)
    if text and idx.is_folder(path):
        return idx.read_folder(path), str(path)
    # Here, as TFDS takes a second to import and most runs do not need it.
    from sparse_jax.data import tfds
    return tfds.read(name, str(path) if text else None), f'TFDS {name!r}'


def _digits() -> Pool:
    """scikit-learn's 1797 embedded digits, 8 x 8, values 0..16; no official test."""
    from sklearn.datasets import load_digits
    bunch = load_digits()
    return Pool(bunch.images.astype(np.uint8), bunch.target,
                class_names=CLASS_NAMES['digits'])


def _synthetic(seed: int) -> Pool:
    return Pool(*draw(seed, POOL_SIZE, shape=POOL_SHAPE, num_classes=POOL_CLASSES))
