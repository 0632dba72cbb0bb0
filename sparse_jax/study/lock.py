"""One process per workdir.

The system's lock on a file ends with its process, however that ends. File systems
without it (some network ones) get a file that names host and process instead; one that
was left behind by a process of this host is seen to be so, one of another host is not.
"""

import contextlib
import errno
import json
import os
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import IO

from sparse_jax.study.errors import StudyError

FILE = '.lock'
OWNER_FILE = '.lock-owner'
_LOOK = 0.4
"""Seconds: `is_held` has the lock of a free workdir for much less."""
_held: set[str] = set()
"""Owner files of this process."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def check_free(workdir: str | pathlib.Path) -> None:
    """Refuse a workdir whose `hold` would be refused now; makes nothing.

    Raises:
      StudyError: another process holds the workdir.
    """
    if (pathlib.Path(workdir) / FILE).exists():
        with hold(workdir):
            pass


def is_held(workdir: str | pathlib.Path) -> bool:
    """Whether a process holds the workdir now; makes and changes nothing."""
    import fcntl  # As in `_take`.

    path = pathlib.Path(workdir)
    with contextlib.suppress(OSError), os.fdopen(os.open(
            path / FILE, os.O_RDONLY | os.O_NOFOLLOW)) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    owner = path / OWNER_FILE
    return owner.exists() and not _is_left_behind(owner, socket.gethostname())


@contextlib.contextmanager
def hold(workdir: str | pathlib.Path) -> Iterator[None]:
    """Hold a workdir for one process.

    Raises:
      StudyError: another process holds it, or it cannot be written.
    """
    path = pathlib.Path(workdir)
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Not through a link, which might lead out of the workdir.
        handle = os.fdopen(os.open(
            path / FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), 'r+')
    except OSError as error:
        raise StudyError(f'workdir {str(workdir)!r}: {error.strerror}') from None
    with handle:
        try:
            _take(handle)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise StudyError(f'workdir {str(workdir)!r}: another search is running '
                                 'in it') from None
            with _owner_file(path):
                yield
            return
        yield


def _take(handle: IO[str]) -> None:
    """Lock a file, unless another process holds it for longer than a look takes.

    Raises:
      OSError: it is held, or there are no locks.
    """
    import fcntl  # POSIX only; imported where it is needed.

    end = time.monotonic() + _LOOK
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(_LOOK / 20)


@contextlib.contextmanager
def _owner_file(workdir: pathlib.Path) -> Iterator[None]:
    """Hold a workdir by a file that names this process.

    Raises:
      StudyError: another process holds it, or may hold it for all that is known here.
    """
    path = workdir / OWNER_FILE
    mine = {'host': socket.gethostname(), 'process': os.getpid()}
    if _is_left_behind(path, mine['host']):
        path.unlink(missing_ok=True)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o666), 'w') as file:
            json.dump(mine, file)
    except FileExistsError:
        raise StudyError(
            f'workdir {str(workdir)!r}: its file system has no locks, and {OWNER_FILE} '
            f'says that {_who(path)} is running in it; allowed: wait for its end, or '
            f'delete {str(path)!r} if that process has ended') from None
    except OSError as error:
        raise StudyError(f'workdir {str(workdir)!r}: {error.strerror}') from None
    _held.add(str(path))
    try:
        yield
    finally:
        _held.discard(str(path))
        path.unlink(missing_ok=True)


def _is_left_behind(path: pathlib.Path, host: str) -> bool:
    """Whether the process that a file names ran here and has ended."""
    owner = _read(path)
    process = owner.get('process')
    if owner.get('host') != host or type(process) is not int or process < 1:
        return False
    try:
        os.kill(process, 0)  # Asks whether there is such a process; sends nothing.
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    # A new process may have the number of one that ended: of itself it knows better.
    return process == os.getpid() and str(path) not in _held


def _who(path: pathlib.Path) -> str:
    owner = _read(path)
    return f'process {owner.get("process")} of host {str(owner.get("host"))!r:.80}'


def _read(path: pathlib.Path) -> dict:
    """What the file says; empty where it says nothing yet."""
    try:
        found = json.loads(path.read_text()[:1000])
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
