"""Print the paper's tables with the rows of searches and competitors run here.

    python -m experiments.paper.table --workdirs=runs/mnist,runs/mnist_competitors
    python -m experiments.paper.table --workdirs=runs/cifar10_binary --out=RESULTS.md

Each folder is a study, a sweep or a folder of launch.baselines. A search belongs to
table C if its working memory is counted as input + weights, to B if as input + output,
to A if it has no goal or budget of working memory. Its network is chosen on validation
images and meets the test images once; the study keeps what they gave. A row of the
paper is won only if all figures are at least as good, on test images and in int8.
Competitors that ran before, in experiments/paper/rows, stand in the tables of the data
sets that are shown.
"""

import argparse
import datetime
import importlib.metadata
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from experiments.paper import command, competitors, markdown, ours, published
from sparse_jax import replacing
from sparse_jax.baselines import rows
from sparse_jax.paths import local
from sparse_jax.study import glance

ROWS = pathlib.Path(__file__).parent / 'rows'
"""Of competitors that ran before: one folder of launch.baselines for each limit."""


class Read(NamedTuple):
    """What the folders have."""

    found: list[ours.Ours]
    run: list[rows.Row]
    without: list[str]
    """Names of searches without a network within their bounds."""


def read(
    folders: Sequence[str], *, cores: int, trust_factories: bool = False,
) -> Read:
    """The rows of studies, sweeps and folders of competitors.

    Raises:
      StudyError, RowsError, ConfigError, DataError: one cannot be read.
    """
    result = Read([], [], [])
    for folder in folders:
        if (pathlib.Path(folder) / rows.JSON).is_file():
            result.run.extend(rows.read(folder))
            continue
        for path in glance.studies_in(folder):
            row = ours.read(path, cores=cores, trust_factories=trust_factories)
            if row is None:
                result.without.append(path.absolute().name)
            else:
                result.found.append(row)
    return result


def with_kept(
    given: Read, sets: Sequence[str], folder: pathlib.Path = ROWS,
) -> Read:
    """The same with the kept competitors of the data sets that are shown, first.

    Raises:
      RowsError: a folder of them is not as it was written.
    """
    shown = {*sets, *(row.set for row in given.found),
             *(competitors.set_of(row) for row in given.run)}
    kept = [row for path in sorted(folder.glob(f'*/{rows.JSON}'))
            for row in rows.read(path.parent) if competitors.set_of(row) in shown]
    return given._replace(run=[*kept, *(row for row in given.run if row not in kept)])


def text(given: Read, *, hardware: str, sets: Sequence[str] = ()) -> str:
    """All tables that have something run here.

    Args:
      given: the rows.
      hardware: of the searches, in words.
      sets: data sets that are shown besides, with what is published alone.
    """
    parts = [f'# The paper\'s tables\n\nMade by `python -m experiments.paper.table` on '
             f'{datetime.date.today()}, jax {importlib.metadata.version("jax")}.']
    here = [competitors.set_of(row) for row in given.run]
    for name, title in published.TABLES.items():
        shown = [row.set for row in given.found if row.table == name]
        shown += [one for one in here if published.rows(name, one) or name == 'A']
        shown += [one for one in sets if published.rows(name, one)]
        tables = [markdown.table(name, one, given.run, given.found)
                  for one in dict.fromkeys(shown)]
        if tables:
            parts += [f'## Table {name}: {title}', *tables]
    if given.found:
        parts += ['## The networks', markdown.details(given.found),
                  markdown.notes(given.found, hardware), markdown.commands(given.found)]
    if given.without:
        parts.append('No network within the bounds: ' + ', '.join(given.without) + '.')
    return '\n\n'.join(parts) + '\n'


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; what is wrong with it ends in one line and exit code 2."""
    parser = command.Parser(__doc__)
    parser.add_argument('--workdirs', default='', metavar='DIR,DIR,...')
    parser.add_argument('--sets', default='', metavar='SET,SET,...',
                        help='print their published rows too, such as mnist-10')
    parser.add_argument('--out', default='', help='file to write; printed if empty')
    parser.add_argument('--cores', type=int, default=os.cpu_count() or 1,
                        help='that the searches had, for core-hours')
    parser.add_argument('--hardware', default='', metavar='WORDS',
                        help='of the searches; by default so many CPU cores')
    parser.add_argument('--trust_factories', action='store_true',
                        help='run code that the studies name')
    args = parser.parse_args(argv)
    args.workdirs, args.sets = (
        list(filter(None, text.split(','))) for text in (args.workdirs, args.sets))
    if not args.workdirs and not args.sets:
        command.fail('nothing to print; allowed: --workdirs=DIR,..., --sets=SET,...')
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
        folders, out = [str(local(folder)) for folder in args.workdirs], local(args.out)
        if args.out and (out.is_dir() or not out.parent.is_dir()):
            command.fail(f'--out={args.out}: allowed: a file in a folder that is there')
        given = read(folders, cores=args.cores, trust_factories=args.trust_factories)
        given = with_kept(given, args.sets)
        made = text(given, sets=args.sets,
                    hardware=args.hardware or f'{args.cores} CPU cores')
        if not args.out:
            print(made, end='')
            return
        replacing.write(out, made)
        print(f'written: {args.out}')


if __name__ == '__main__':
    main()
