"""Weights as npz bytes; nothing is ever pickled.

Two arrays are in a file: what the leaves of the trees are called, and their bytes. The
bytes are sorted by their place within a number, so that signs and exponents compress;
of a pruned kernel or bias only the mask is kept, where its values are those of the
posterior. Everything comes back bit by bit.
"""

import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sparse_jax.study.outcome import Weights

INDEX, DATA = 'index', 'data'
WHOLE, MASK, BITS = 'whole', 'mask', 'bits'
"""How a leaf is stored: its numbers, the mask of the leaf of `params` that it is equal
to, or, of truth values, eight in a byte."""
_SOURCE = 'params'
_MASKED = 'folded'
_KINDS = 'fiu'
"""Of the numbers that are stored."""


def pack(weights: Weights) -> bytes:
    """Exact trees -> npz bytes."""
    flat = dict(_leaves(weights))
    index, planes, bits = [], [], []
    for path, array in flat.items():
        how = _how(path, array, flat)
        index.append([path, array.dtype.str, array.shape, how])
        if how == WHOLE:
            planes.append(_bytes_of(array))
        else:
            bits.append(np.packbits(_words(array) != 0 if how == MASK else array))
    text = np.frombuffer(json.dumps(index).encode(), np.uint8)
    width = max((plane.shape[1] for plane in planes), default=1)
    sorted_ = [plane[:, i] for i in range(width) for plane in planes
               if plane.shape[1] > i]
    data = np.concatenate([np.zeros(0, np.uint8), *sorted_, *bits])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, index=text, data=data)
    return buffer.getvalue()


def plain(weights: Weights) -> bytes:
    """Exact trees -> npz bytes with one array per leaf, for other programs to read."""
    buffer = io.BytesIO()
    leaves: dict[str, Any] = dict(_leaves(weights))
    np.savez_compressed(buffer, **leaves)
    return buffer.getvalue()


def unpack(data: bytes) -> Weights:
    """npz bytes of `pack` or `plain` -> exact trees; refuses pickled arrays.

    Raises:
      ValueError, TypeError, KeyError: the bytes are no weights.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        if INDEX not in archive.files:
            return _nested({path: archive[path] for path in archive.files})
        return _nested(_unpacked(json.loads(archive[INDEX].tobytes()), archive[DATA]))


def _leaves(weights: Weights) -> Iterator[tuple[str, np.ndarray]]:
    """(name like 'params/classifier/kernel', array) of every leaf.

    Raises:
      TypeError: a leaf has neither numbers nor truth values.
    """
    for part, tree in zip(Weights._fields, weights):
        for name, leaf in tree.items():
            inner = leaf.items() if isinstance(leaf, dict) else [('', leaf)]
            for variable, value in inner:
                path = f'{part}/{name}/{variable}'.rstrip('/')
                array = np.asarray(value)
                if array.dtype.kind not in f'{_KINDS}b':
                    raise TypeError(f'{path}: objects are not stored')
                yield path, array


def _nested(flat: Mapping[str, np.ndarray]) -> Weights:
    trees: dict[str, dict[str, Any]] = {part: {} for part in Weights._fields}
    for path, array in flat.items():
        part, name, *variable = path.split('/')
        if variable:
            trees[part].setdefault(name, {})[variable[0]] = array
        else:
            trees[part][name] = array
    return Weights(**trees)


def _how(path: str, array: np.ndarray, flat: Mapping[str, np.ndarray]) -> str:
    """How a leaf is stored."""
    if array.dtype.kind == 'b':
        return BITS
    source = flat.get(_source(path))
    if (source is None or source.dtype != array.dtype or array.dtype.itemsize != 4
            or source.shape != array.shape):
        return WHOLE
    own, other = _words(array), _words(source)
    return MASK if np.array_equal(own, np.where(own != 0, other, 0)) else WHOLE


def _source(path: str) -> str:
    """The leaf of the posterior that a leaf of the pruned network comes from, or ''."""
    part, _, rest = path.partition('/')
    return f'{_SOURCE}/{rest}' if part == _MASKED else ''


def _words(array: np.ndarray) -> np.ndarray:
    """Numbers of 4 bytes as whole ones: what is equal is so bit by bit."""
    return np.ascontiguousarray(array).view(np.uint32)


def _bytes_of(array: np.ndarray) -> np.ndarray:
    """[numbers, bytes of a number] uint8."""
    flat = np.ascontiguousarray(array).reshape(-1, 1)
    return flat.view(np.uint8).reshape(flat.size, array.dtype.itemsize)


def _unpacked(index: Any, data: np.ndarray) -> dict[str, np.ndarray]:
    """Leaves by name, in the order of the index.

    Raises:
      ValueError: as many bytes as the index tells are not there, or others.
    """
    kinds = {path: np.dtype(kind) for path, kind, _, _ in index}
    if any(kind.kind not in f'{_KINDS}b' for kind in kinds.values()):
        raise ValueError('objects are not read')
    counts = {path: math.prod(map(int, shape)) for path, _, shape, _ in index}
    wide = {path: kinds[path].itemsize for path, _, _, how in index if how == WHOLE}
    packed = {path: -(-counts[path] // 8) for path, _, _, how in index if how != WHOLE}
    total = sum(counts[p] * size for p, size in wide.items()) + sum(packed.values())
    if data.dtype != np.uint8 or total != data.size or any(
            count < 0 for count in counts.values()):
        raise ValueError('the bytes are not those of the index')
    pieces, at = {path: [] for path in kinds}, 0
    for i in range(max(wide.values(), default=0)):
        for path, size in wide.items():
            if size > i:
                pieces[path].append(data[at: at + counts[path]])
                at += counts[path]
    for path, size in packed.items():
        pieces[path].append(data[at: at + size])
        at += size
    flat: dict[str, np.ndarray] = {}
    for path, _, shape, how in index:
        flat[path] = _restored(how, pieces[path], kinds[path], counts[path],
                               flat.get(_source(path))).reshape(shape)
    return flat


def _restored(
    how: str, pieces: list[np.ndarray], kind: np.dtype, count: int,
    source: np.ndarray | None,
) -> np.ndarray:
    """The numbers of a leaf, [count]."""
    if how == WHOLE:
        return np.stack(pieces, axis=1).reshape(-1).view(kind).reshape(count)
    mask = np.unpackbits(pieces[0], count=count).astype(bool)
    if how == BITS:
        return mask
    if source is None or source.size != count or kind.itemsize != 4:
        raise ValueError('a mask has no numbers')
    return np.where(mask, _words(source).reshape(-1), 0).astype(np.uint32).view(kind)
