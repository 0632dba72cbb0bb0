"""Files and folders inside a workdir: written whole, and nowhere else.

A workdir may come from somebody else, with symbolic links in it. What is written here
takes the place of a link; what the link points to is left alone.
"""

import os
import pathlib

from sparse_jax.replacing import drop_abandoned, replacing, write
from sparse_jax.study.records import StudyError

__all__ = ['check_file', 'check_folder', 'drop_abandoned', 'make_folder', 'replacing',
           'write']


def make_folder(path: pathlib.Path, workdir: str | os.PathLike[str]) -> None:
    """Make a folder of a workdir, unless it is there.

    Raises:
      StudyError: something else has its name, a symbolic link for example.
    """
    check_folder(path, workdir)
    path.mkdir(parents=True, exist_ok=True)


def check_folder(path: pathlib.Path, workdir: str | os.PathLike[str]) -> None:
    """Refuse a name in a workdir that is anything but a folder, or nothing yet.

    Raises:
      StudyError: it is a symbolic link or a file.
    """
    what = ('a symbolic link' if path.is_symlink() else
            'a file' if path.exists() and not path.is_dir() else '')
    if what:
        raise StudyError(f'workdir {str(workdir)!r}: {path.name} is {what}; allowed: '
                         'a folder of the study itself')


def check_file(path: pathlib.Path, workdir: str | os.PathLike[str]) -> None:
    """Refuse a file in a workdir that is a way out of it.

    Raises:
      StudyError: it is a symbolic link.
    """
    if path.is_symlink():
        raise StudyError(f'workdir {str(workdir)!r}: {path.name} is a symbolic link; '
                         'allowed: the file itself')
