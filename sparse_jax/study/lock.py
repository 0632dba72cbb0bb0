"""One process per workdir."""

import contextlib
import pathlib

from sparse_jax.study.records import StudyError

FILE = '.lock'


def check_free(workdir: str | pathlib.Path) -> None:
    """Refuse a workdir whose `hold` would be refused now; makes nothing.

    Raises:
      StudyError: another process holds the workdir.
    """
    if (pathlib.Path(workdir) / FILE).exists():
        with hold(workdir):
            pass


@contextlib.contextmanager
def hold(workdir: str | pathlib.Path):
    """Hold a workdir for one process.

    Raises:
      StudyError: another process holds it, or it cannot be written.
    """
    import fcntl  # POSIX only; imported where it is needed.

    path = pathlib.Path(workdir)
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = open(path / FILE, 'a')
    except OSError as error:
        raise StudyError(f'workdir {str(workdir)!r}: {error.strerror}') from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StudyError(
                f'workdir {str(workdir)!r}: another search is running in it') from None
        yield
