"""What the commands of this folder have in common: mistakes are one line."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

from experiments.paper.stored import WinnerError
from sparse_jax.baselines.rows import RowsError
from sparse_jax.data import DataError
from sparse_jax.export import ExportError
from sparse_jax.paths import PathError
from sparse_jax.settings.errors import ConfigError
from sparse_jax.space.network_file import NetworkFileError
from sparse_jax.study.errors import StudyError

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


def fail(line: str, code: int = 2) -> NoReturn:
    """End with one line and exit code 2."""
    print(f'error: {line}', file=sys.stderr)
    raise SystemExit(code)


class Parser(argparse.ArgumentParser):
    """Flags whose mistakes are one line and exit code 2."""

    def __init__(self, description: str | None) -> None:
        super().__init__(
            description=description, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        """In place of argparse's usage and its line."""
        fail(f'{" ".join(message.split())}; --help lists all flags')


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """What a person gave and cannot be used ends in one line, and so does Ctrl-C."""
    try:
        yield
    except (StudyError, ConfigError, DataError, PathError, RowsError,
            ExportError, WinnerError, NetworkFileError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail('stopped', STOPPED)
    except BrokenPipeError:
        # The reader of our output (head, less) left; nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        fail(f'{error.filename or "disk"}: {error.strerror}')
