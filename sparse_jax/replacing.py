"""Files that are written whole: a kill, a full disk or an exception leaves the old one.

What is written takes the place of a symbolic link; what the link points to is left
alone.
"""

import contextlib
import os
import pathlib
import re
import secrets
import socket
import time
import zlib
from collections.abc import Iterator
from typing import IO

_TEMPORARY = re.compile(r'\..+\.([0-9a-f]{8})-(\d{1,9})-[0-9a-f]{8}\.tmp')
_ABANDONED = 3600.0
"""Seconds after which a temporary file of another host has no writer any more."""


@contextlib.contextmanager
def replacing(path: str | pathlib.Path) -> Iterator[IO[bytes]]:
    """A new binary file that takes the name `path` when it is complete.

    A kill, a full disk or an exception leaves what was there before.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(
        f'.{path.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.tmp')
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, 'O_NOFOLLOW', 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), 'wb') as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write(path: str | pathlib.Path, content: str) -> None:
    """Write a text file whole, in place of whatever had its name."""
    with replacing(path) as file:
        file.write(encoded(content))


def encoded(text: str) -> bytes:
    """UTF-8; what is no text, as bytes in the name of a file may be, is escaped."""
    return text.encode(errors='backslashreplace')


def drop_abandoned(folder: str | pathlib.Path) -> None:
    """Delete temporary files whose process was killed."""
    for path in pathlib.Path(folder).glob('.*.tmp'):
        with contextlib.suppress(OSError):
            if _is_abandoned(path):
                path.unlink()


def _is_abandoned(path: pathlib.Path) -> bool:
    found = _TEMPORARY.fullmatch(path.name)
    if found is None:
        return False
    if found[1] != _host():
        return time.time() - path.lstat().st_mtime > _ABANDONED
    try:
        os.kill(int(found[2]), 0)  # Asks whether there is such a process.
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def _host() -> str:
    """Eight digits that stand for the name of this machine."""
    return f'{zlib.crc32(socket.gethostname().encode()):08x}'
