"""Weights as npz bytes; nothing is ever pickled."""

import io

import numpy as np

from sparse_jax.study.outcome import Weights


def pack(weights: Weights) -> bytes:
    """Exact trees -> npz bytes with names like 'params/classifier/kernel'."""
    flat = {}
    for part, tree in zip(Weights._fields, weights):
        for name, leaf in tree.items():
            inner = leaf.items() if isinstance(leaf, dict) else [('', leaf)]
            flat |= {f'{part}/{name}/{v}'.rstrip('/'): np.asarray(a) for v, a in inner}
    for path, array in flat.items():
        if array.dtype.hasobject:
            raise TypeError(f'{path}: objects are not stored')
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **flat)
    return buffer.getvalue()


def unpack(data: bytes) -> Weights:
    """npz bytes -> exact trees; refuses pickled arrays."""
    trees = {part: {} for part in Weights._fields}
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        for path in archive.files:
            part, name, *variable = path.split('/')
            if variable:
                trees[part].setdefault(name, {})[variable[0]] = archive[path]
            else:
                trees[part][name] = archive[path]
    return Weights(**trees)
