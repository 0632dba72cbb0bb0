"""A user's .npz file. Nothing is ever unpickled."""

import contextlib
import pathlib
import zipfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from sparse_jax.data import named_arrays
from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.named_arrays import ACCEPTED
from sparse_jax.data.pool import Pool

_COMPRESSION = 1100
"""Bytes that one byte of a zip can stand for, and a little more."""


class Archive(NamedTuple):
    """The arrays of an open file."""

    names: list[str]
    array: Callable[[str], np.ndarray]
    """Of a name; DataError where it cannot be read."""


def read(path: pathlib.Path) -> Pool:
    """Reads the arrays of a file, by the names of `named_arrays.read`.

    Raises:
      DataError: for a file that is no .npz, is damaged, holds objects (pickles), lacks
        arrays, or has an array with nearly the name of one that is missing.
    """
    with opened(path, str(path), ACCEPTED) as archive:
        return named_arrays.read(archive.names, archive.array, path)


@contextlib.contextmanager
def opened(path: pathlib.Path, where: str, accepted: str) -> Iterator[Archive]:
    """The arrays of a file while it is open, each read when it is asked for.

    Args:
      path: of the file.
      where: what messages begin with.
      accepted: the end of messages.

    Raises:
      DataError: the file is no .npz or is damaged. Of an array: it is damaged or not
        there, holds objects (pickles), or claims more bytes than the file can hold.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise TypeError('a single array')
    # What a damaged file raises depends on which of its bytes is wrong.
    except Exception as error:
        raise _damaged(where, error, accepted) from error
    with archive:
        yield Archive(archive.files,
                      lambda key: _array(archive, key, path, where, accepted))


def _array(
    archive: np.lib.npyio.NpzFile, key: str, path: pathlib.Path, where: str,
    accepted: str,
) -> np.ndarray:
    """One array, unless its header claims more than the file can hold."""
    try:
        members = archive.zip
        assert members is not None
        name = key if key in members.namelist() else f'{key}.npy'
        info = members.getinfo(name)
        claimed = _claimed(members, name)
        if max(claimed, info.file_size) > _COMPRESSION * (info.compress_size + 1):
            raise DataError(f'{where}: {key:.60} claims {claimed} bytes, in a file of '
                            f'{path.stat().st_size}; {accepted}')
        return archive[key]
    except DataError:
        raise
    # As above.
    except Exception as error:
        raise _damaged(where, error, accepted) from error


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


def _damaged(where: str, error: Exception, accepted: str) -> DataError:
    return DataError(f'{where}: cannot be read ({brief(error)}); {accepted}')
