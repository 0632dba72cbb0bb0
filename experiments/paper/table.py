"""Print the paper's tables with the rows of searches and competitors run here.

    python -m experiments.paper.table --workdirs=runs/mnist,runs/mnist_competitors
    python -m experiments.paper.table --workdirs=runs/seed_0,runs/seed_1 --out=TABLES.md
    python -m experiments.paper.table --workdirs=runs/mnist --into=docs/results.md
    python -m experiments.paper.table --kept --into=docs/results.md

Each folder is a study, a sweep or a folder of launch.baselines. Every search stands for
every row of the paper on its data, whatever it was told to aim at: its network within
all limits of the row, chosen on validation images. Where no search on the data was
limited as much as the row, and the row is not won, the table says so. Studies that
differ by seed and clock alone are one search, whose median decides. Networks meet the
test images once, after all have been chosen; the studies keep what they gave. A row of
the paper is won only if all figures are at least as good, on test images and in int8;
so is the one of uNAS, in its own accounting. Competitors that ran before, in
experiments/paper/rows, stand in the tables of the data sets that are shown. --kept adds
the searches whose networks are kept in experiments/paper/winners, one each.

--into replaces what stands between the lines <!-- tables --> and <!-- end of tables -->
of a file, and nothing else.
"""

import argparse
import contextlib
import datetime
import functools
import importlib.metadata
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from experiments.paper import (
    command,
    competitors,
    kept,
    markdown,
    ours,
    published,
    standing,
)
from experiments.paper.held import Held
from experiments.paper.kept import Kept
from experiments.paper.ours import Ours
from experiments.paper.published import Published
from experiments.paper.searched import Choice, Searched
from experiments.paper.verdict import is_result
from experiments.paper.winner import study_id
from sparse_jax import replacing
from sparse_jax.baselines import rows
from sparse_jax.paths import local
from sparse_jax.study import glance
from sparse_jax.study.opened import open_study

ROWS = pathlib.Path(__file__).parent / 'rows'
"""Of competitors that ran before: one folder of launch.baselines for each limit."""
MARKS = ('<!-- tables -->', '<!-- end of tables -->')
"""Lines of a file that --into writes between."""


class Read(NamedTuple):
    """What the folders have."""

    own: list[Held[Ours]]
    """What every search stands for by its own bounds, a seed each."""
    against: dict[Published, Held[Ours]]
    """The search that is held against each row of the paper."""
    run: list[rows.Row]
    without: list[str]
    """Names of studies without a network within their own bounds."""

    @property
    def networks(self) -> list[Ours]:
        """All that are shown, each once."""
        held = [*self.own, *(one for row, one in self.against.items()
                             if is_result(row, one))]
        return list(dict.fromkeys(ours for one in held for ours in one.found))


def read(
    folders: Sequence[str], *, cores: int, trust_factories: bool = False,
    winners: Sequence[Kept] = (),
) -> Read:
    """The rows of studies, sweeps and folders of competitors.

    All networks are chosen before the first one meets test images.

    Args:
      folders: that have them.
      cores: that the searches had.
      trust_factories: whether code that studies name is run.
      winners: kept networks, searches too; those of studies that are given are left
        out.

    Raises:
      StudyError, RowsError, ConfigError, DataError: one cannot be read.
    """
    competing = [folder for folder in dict.fromkeys(folders)
                 if (pathlib.Path(folder) / rows.JSON).is_file()]
    run = [row for folder in competing for row in rows.read(folder)]
    with contextlib.ExitStack() as stack:
        opened = [Searched(stack.enter_context(
            open_study(path, trust_factories=trust_factories)))
            for path in _studies(folder for folder in folders
                                 if folder not in competing)]
        given = {study_id(one.study) for one in opened if one.networks}
        searches: list[standing.Search] = [
            *opened, *(one for one in winners if one.study not in given)]
        own = [held for group in standing.groups(searches)
               if (held := standing.own_of(group)) is not None]
        against = {row: held for row in published.everything() if row.is_target
                   and (held := standing.held_against(row, searches)) is not None}
        without = [one.name for one in searches if one.own() is None]

        # The best of every search are linked; there may be dozens of others.
        best = {held.best for held in own}

        @functools.cache
        def made(search: standing.Search, choice: Choice) -> Ours:
            if isinstance(search, Searched):
                return ours.row_of(search, choice, cores=cores,
                                   links=standing.Found(search, choice) in best)
            return search.row(cores=cores)

        def whole(held: Held[standing.Found]) -> Held[Ours]:
            return Held(tuple(made(*one) for one in held.found), *held[1:])

        return Read([whole(held) for held in own],
                    {row: whole(held) for row, held in against.items()}, run, without)


def _studies(folders: Iterable[str]) -> Iterable[pathlib.Path]:
    """Of studies and sweeps every study once: a sweep and one of its studies are not
    two seeds of that."""
    return {path.resolve(): path for folder in folders
            for path in glance.studies_in(folder)}.values()


def with_kept(
    given: Read, sets: Sequence[str], folder: pathlib.Path = ROWS,
) -> Read:
    """The same with the kept competitors of the data sets that are shown, first.

    Raises:
      RowsError: a folder of them is not as it was written.
    """
    shown = {*sets, *(one.set for one in given.networks),
             *(competitors.set_of(row) for row in given.run)}
    kept = [row for path in sorted(folder.glob(f'*/{rows.JSON}'))
            for row in rows.read(path.parent) if competitors.set_of(row) in shown]
    return given._replace(run=[*kept, *(row for row in given.run if row not in kept)])


def text(
    given: Read, *, hardware: str, sets: Sequence[str] = (), flags: str = '',
) -> str:
    """All tables that have something run here.

    Args:
      given: the rows.
      hardware: of the searches, in words.
      sets: data sets that are shown besides, with what is published alone.
      flags: of the command that anybody can repeat.
    """
    made = ' '.join(filter(None, ['python -m experiments.paper.table', flags]))
    parts = [f'# The paper\'s tables\n\nMade by `{made}` on '
             f'{datetime.date.today()}, jax {importlib.metadata.version("jax")}.']
    found = given.networks
    here = [competitors.set_of(row) for row in given.run]
    for name, title in published.TABLES.items():
        wanted = [*(one.set for one in found), *here, *sets]
        shown = [one for one in dict.fromkeys(wanted) if published.rows(name, one)
                 or (name == 'A' and one in here) or _is_shown(name, one, given)]
        if shown:
            parts += [f'## Table {name}: {title}', *(markdown.table(
                name, one, given.run, given.own, given.against) for one in shown)]
    if found:
        parts += ['## The searches', markdown.searches(given.own, given.against),
                  '## The networks', markdown.details(found),
                  markdown.notes(found, hardware), markdown.commands(given.own)]
    if given.without:
        parts.append('No network within the bounds: ' + ', '.join(given.without) + '.')
    return '\n\n'.join(parts) + '\n'


def _is_shown(name: str, set_: str, given: Read) -> bool:
    """Whether a search stands in a table of data that nobody has published for."""
    return name in 'BC' and any(held.best.set == set_ for held in given.own)


def cores_text(cores: int) -> str:
    """The searches' hardware, where nothing else is said."""
    return f'{cores} CPU core{"s" * (cores > 1)}'


def between(document: str, made: str) -> str:
    """A document with other tables between its two lines.

    Raises:
      ValueError: it does not have each of the two lines once, in their order.
    """
    lines = document.split('\n')
    if [lines.count(mark) for mark in MARKS] != [1, 1] or (
            lines.index(MARKS[0]) > lines.index(MARKS[1])):
        raise ValueError(f'allowed: a file with the lines {MARKS[0]} and {MARKS[1]}, '
                         'each once')
    first, last = (lines.index(mark) for mark in MARKS)
    return '\n'.join([*lines[:first + 1], '', made.rstrip('\n'), '', *lines[last:]])


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; what is wrong with it ends in one line and exit code 2."""
    parser = command.Parser(__doc__)
    parser.add_argument('--workdirs', default='', metavar='DIR,DIR,...')
    parser.add_argument('--kept', action='store_true',
                        help='the searches whose networks are kept, too')
    parser.add_argument('--sets', default='', metavar='SET,SET,...',
                        help='print their published rows too, such as mnist-10')
    parser.add_argument('--out', default='', help='file to write; printed if empty')
    parser.add_argument('--into', default='',
                        help='file to write into, between its two lines')
    parser.add_argument('--cores', type=int, default=os.cpu_count() or 1,
                        help='that the searches had, for core-hours')
    parser.add_argument('--hardware', default='', metavar='WORDS',
                        help='of the searches; by default so many CPU cores')
    parser.add_argument('--trust_factories', action='store_true',
                        help='run code that the studies name')
    args = parser.parse_args(argv)
    args.workdirs, args.sets = (
        list(filter(None, text.split(','))) for text in (args.workdirs, args.sets))
    if not (args.workdirs or args.sets or args.kept):
        command.fail('nothing to print; allowed: --workdirs=DIR,..., --sets=SET,..., '
                     '--kept')
    for one in args.sets:
        if one not in published.sets():
            command.fail(f'--sets={one}: allowed: {", ".join(published.sets())}')
    if args.cores < 1:
        command.fail(f'--cores={args.cores}: allowed: 1 or more')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables, or write them."""
    args = parse(argv)
    with command.one_line():
        folders, out = [str(local(folder)) for folder in args.workdirs], place(args)
        given = read(folders, cores=args.cores, trust_factories=args.trust_factories,
                     winners=kept.read() if args.kept else ())
        given = with_kept(given, args.sets)
        flags = f'--kept --cores={args.cores}' if args.kept else ''
        made = text(given, sets=args.sets, flags=flags,
                    hardware=args.hardware or cores_text(args.cores))
        if out is None:
            print(made, end='')
            return
        if args.into:
            made = between(out.read_text(encoding='utf-8'), made)
        replacing.write(out, made)
        print(f'written: {args.out or args.into}')


def place(args: argparse.Namespace) -> pathlib.Path | None:
    """Where the tables go; None for the terminal."""
    if args.out and args.into:
        command.fail(f'--out={args.out}: allowed: without --into')
    if args.into:
        into = local(args.into)
        if not into.is_file():
            command.fail(f'--into={args.into}: allowed: a file with the lines '
                         f'{MARKS[0]} and {MARKS[1]}')
        try:
            between(into.read_text(encoding='utf-8'), '')
        except ValueError as error:
            command.fail(f'--into={args.into}: {error}')
        return into
    if not args.out:
        return None
    out = local(args.out)
    if out.is_dir() or not out.parent.is_dir():
        command.fail(f'--out={args.out}: allowed: a file in a folder that is there')
    return out


if __name__ == '__main__':
    main()
