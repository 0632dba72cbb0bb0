"""Entries of the store: checked when they are read, whole when they are written."""

import contextlib
import hashlib
import pathlib
import zlib

from sparse_jax.replacing import replacing

MAGIC = b'sparse_jax lowered program 1\n'
SUFFIX = '.lowered'
_CHECK = hashlib.sha256().digest_size


def read(folder: pathlib.Path, name: str) -> bytes | None:
    """The content of an entry; None where there is none, or it is not whole.

    Args:
      folder: of the store.
      name: of the entry; what is stored under another name does not count.
    """
    try:
        data = (folder / f'{name}{SUFFIX}').read_bytes()
    except OSError:
        return None
    start = len(MAGIC) + _CHECK
    packed = data[start:]
    if data[:start] != MAGIC + _checksum(name, packed):
        return None
    return zlib.decompress(packed)


def write(folder: pathlib.Path, name: str, content: bytes) -> None:
    """Store an entry, in place of what has its name; a full disk stores nothing."""
    packed = zlib.compress(content, 1)
    with contextlib.suppress(OSError), replacing(folder / f'{name}{SUFFIX}') as file:
        file.write(MAGIC + _checksum(name, packed) + packed)


def _checksum(name: str, packed: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b'\0' + packed).digest()
