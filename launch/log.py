"""What a search has said, in its workdir: log.txt, every line with its time."""

from __future__ import annotations

import contextlib
import os
import pathlib
import time
from collections.abc import Iterator

FILE = 'log.txt'
_MOST_EARLY = 100
"""Lines that are kept until it is known where they belong."""

_early: list[str] = []
_files: list[int] = []
"""Descriptors of the open logs; the last one counts."""


def forget() -> None:
    """Drop what was said before a log was open: another command begins."""
    _early.clear()


def add(text: str) -> None:
    """Some lines, with the present time; nothing is written where no log is open."""
    now = time.strftime('%Y-%m-%d %H:%M:%S')
    for line in text.rstrip('\n').split('\n'):
        _write(f'{now}  {line.rstrip()}\n')


@contextlib.contextmanager
def kept(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Inside, lines go into the log of a workdir; those before it first.

    A log that cannot be written stops no search: the disk will tell by other files.

    Raises:
      StudyError: the log is a symbolic link.
    """
    from sparse_jax.study import files

    path = pathlib.Path(folder) / FILE
    files.check_file(path, folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, 'O_NOFOLLOW', 0)
    try:
        number = os.open(path, flags, 0o666)
    except OSError:
        yield
        return
    _files.append(number)
    try:
        early, _early[:] = list(_early), []
        for line in early:
            _write(line)
        yield
    finally:
        _files.remove(number)
        os.close(number)


def _write(line: str) -> None:
    if not _files:
        if len(_early) < _MOST_EARLY:
            _early.append(line)
        return
    # Whole lines in one call each: a kill cuts none, and two programs mix none.
    with contextlib.suppress(OSError):
        os.write(_files[-1], line.encode('utf-8', 'backslashreplace'))
