"""Paths that a person names: `~` is expanded, what no file can have is refused."""

import functools
import os
import pathlib
import re
import stat
import tempfile

_SCHEME = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+://')
_SHOWN = 60


class PathError(ValueError):
    """A path that no local file can have; the message is one line."""


def local(text: str) -> pathlib.Path:
    """The local path that a person means.

    Args:
      text: as typed; a leading `~` or `~user` is expanded, whatever the shell did.

    Returns:
      The expanded path; whether anything is there is left to the caller.

    Raises:
      PathError: another file system's address, an unknown user, a name that the
        file system cannot hold, or a zero byte.
    """
    if _SCHEME.match(text):
        raise PathError(f'{shown(text)} is on another machine; allowed: a path on this '
                        'one, where the remote folder may be mounted')
    if '\0' in text:
        raise PathError(f'{shown(text)} holds a zero byte; allowed: a path')
    try:
        path = pathlib.Path(text).expanduser()
    except RuntimeError:
        user = text.split('/')[0]
        raise PathError(f'{shown(text)}: there is no user {shown(user[1:])}; allowed: '
                        '~ alone, or a path') from None
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # For the caller to say, who knows what is expected there.
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, 'strerror', None) or 'no name of a file'
        raise PathError(f'{shown(text)}: {reason}; allowed: names of at most 255 '
                        'bytes, 4095 in all') from None
    return path


def nearest(path: pathlib.Path) -> pathlib.Path:
    """The path itself, or the closest of the folders around it that is there."""
    return next(p for p in (path, *path.absolute().parents) if p.exists())


def refusal(path: pathlib.Path) -> str:
    """Why no folder of this name can be made or written, with what is allowed; '' if
    one can."""
    there = nearest(path.absolute())
    if not there.is_dir():
        return f'{str(there)!r} is a file; allowed: a folder, made if it is missing'
    if not os.access(there, os.W_OK | os.X_OK):
        return f'{str(there)!r} cannot be written; allowed: a folder of yours'
    return ''


def shown(text: str) -> str:
    """`text` quoted for a message, its middle left out where it is very long."""
    if len(text) > 2 * _SHOWN:
        text = f'{text[:_SHOWN]}...{text[-_SHOWN // 2:]}'
    return repr(text)


@functools.cache
def private_cache(name: str) -> pathlib.Path:
    """A folder for what programs keep between runs, that no other user can write.

    It lies in the user's cache folder; where that cannot be written, in the common
    temporary folder under the user's number, unless somebody else took that name.

    Args:
      name: of the folder, a single word.
    """
    base = os.environ.get('XDG_CACHE_HOME', '')
    home = pathlib.Path(base if os.path.isabs(base) else '~/.cache')
    common = pathlib.Path(tempfile.gettempdir()) / f'sparse_jax_{os.getuid()}'
    for folder in (home / 'sparse_jax', common):
        try:
            folder = folder.expanduser()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder == common and not _is_private(folder):
                continue
            (folder / name).mkdir(mode=0o700, exist_ok=True)
            if os.access(folder / name, os.W_OK | os.X_OK):
                return folder / name
        except (OSError, RuntimeError):
            continue
    return pathlib.Path(tempfile.mkdtemp(prefix=f'sparse_jax_{name}_'))


def _is_private(folder: pathlib.Path) -> bool:
    """Whether it is a real folder of this user that others cannot enter."""
    found = os.lstat(folder)
    return (stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            and not found.st_mode & 0o077)
