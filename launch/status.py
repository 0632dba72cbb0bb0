"""How far studies are, running ones too.

    python -m launch.status runs/digits runs/sweep
    python -m launch.status --watch runs/sweep

Each argument is the folder of a study or of a sweep, all of whose studies are listed.
Only the databases are read: the answer comes at once, nothing is changed, and searches
go on meanwhile. A study is running while a process holds its folder, finished when its
search has ended by itself, and interrupted otherwise: the command that began it
continues it. 'valid. %' is the best accuracy on validation images within the soft
bounds, 'training' the time that trainings took, 'last' when the last outcome came;
'round' leaves out the end of a search, which trains finals.
"""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from launch import cli, tables

if TYPE_CHECKING:
    from rich.console import Console

    from sparse_jax.study.glance import Glance

FLAGS = cli.new_flags(jax=False, words=True)
WATCH = flags.DEFINE_bool(
    'watch', False, 'Show it again every few seconds, until Ctrl-C.', flag_values=FLAGS)
SECONDS = flags.DEFINE_float(
    'seconds', 2.0, 'Between two looks of --watch.', 0.1, flag_values=FLAGS)


def looks(folders: Sequence[str]) -> tuple[list[Glance], list[str]]:
    """All studies of the folders, and a line for each that cannot be read, and for each
    folder without one.

    Raises:
      StudyError: no folder has a study that can be read.
    """
    from sparse_jax.study import glance
    from sparse_jax.study.errors import StudyError

    found, damaged = [], []
    for folder in folders:
        try:
            paths = glance.studies_in(folder)
        except StudyError as error:
            damaged.append(str(error))
            continue
        for path in paths:
            try:
                found.append(glance.look(path))
            except StudyError as error:
                damaged.append(f'unreadable: {error}')
    if not found:
        raise StudyError(damaged[0].removeprefix('unreadable: '))
    return found, damaged


def lines_of(found: Sequence[Glance]) -> list[str]:
    """A table as lines, one per study; names come last, so that none is cut."""
    from sparse_jax.study import glance

    rows = [('state', 'trials', 'round', 'hypervolume', 'valid. %', 'training',
             'last (UTC)')]
    for seen in found:
        volume, error = seen.hypervolume, seen.best_error
        rows.append((
            seen.state, f'{seen.done}/{seen.planned}', f'{seen.round}/{seen.rounds}',
            '-' if volume is None else f'{volume:.4f}',
            '-' if error is None else f'{100 * (1 - error):.2f}',
            _duration(seen.seconds), seen.last[11:] or '-'))
    ends = ['study', *_names([seen.folder for seen in found])]
    for place, seen in enumerate(found, 1):
        if seen.failed:
            ends[place] += f'  ({glance.failed_text(seen.failed)})'
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  '.join([row[0].ljust(widths[0]), *(
        cell.rjust(width) for cell, width in zip(row[1:], widths[1:])), end])
        for row, end in zip(rows, ends)]


def _names(folders: Sequence[pathlib.Path]) -> list[str]:
    """The folders without what all of them share."""
    if len(folders) == 1:
        return [folders[0].name or str(folders[0])]
    shared = os.path.commonpath([path.absolute() for path in folders])
    return [os.path.relpath(path.absolute(), shared) for path in folders]


def _duration(seconds: float) -> str:
    """'1:02:03'."""
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes // 60}:{minutes % 60:02d}:{rest:02d}'


def show(out: Console, folders: Sequence[str]) -> None:
    """One look."""
    found, damaged = looks(folders)
    if WATCH.value and out.is_terminal:
        out.clear()
    for text in [*lines_of(found), *damaged]:
        tables.line(out, text)
    out.file.flush()


def main(argv: list[str]) -> None:
    folders = argv[1:]
    if not folders:
        cli.fail('no folder; allowed: the folders of studies and sweeps, as in '
                 'launch.status runs/digits')
    out = tables.console()
    show(out, folders)
    while WATCH.value:
        time.sleep(SECONDS.value)
        show(out, folders)


if __name__ == '__main__':
    cli.run(main, FLAGS)
