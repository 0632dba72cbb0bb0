"""The competitors of the paper's table A: as published, and as they were run here.

    python -m experiments.paper.competitors --set=mnist-10
    python -m experiments.paper.competitors runs/mnist runs/chars4k > competitors.md

Arguments are folders that launch.baselines has written; competitors.json has the
published figures and their sources. Non-zeros of a published row are its bytes over
four, as in table A. Published groupings into two classes, and the 400 features of
CIFAR-10 in two groups, are not ours: such rows stand beside each other, no more.
"""

import argparse
import json
import pathlib
from typing import NamedTuple

from sparse_jax.baselines import rows

FILE = pathlib.Path(__file__).parent / 'competitors.json'
NAMES = {'bonsai': 'Bonsai', 'protonn': 'ProtoNN', 'knn': 'kNN', 'svm': 'RBF-SVM',
         'gbdt': 'GBDT', 'lenet-5': 'LeNet', 'lenet-5+sparse_vd': 'LeNet + SpVD',
         'lenet-300-100': 'LeNet-300-100', 'modc': 'MODC'}
"""Of our methods, as the papers write them."""
FILLED = ('bonsai', 'protonn')
"""Those that fill a number of bytes."""


class Published(NamedTuple):
    """One published figure."""

    set: str
    """Data set and number of classes, as in mnist-10."""
    name: str
    accuracy: float
    """Per cent on test data."""
    kilobytes: float
    """Of 1024 bytes, four a value."""
    source: str


def published() -> list[Published]:
    """All of the file."""
    return [Published(**entry) for entry in json.loads(FILE.read_text())]


def set_of(row: rows.Row) -> str:
    """Which published set a row belongs beside."""
    return f'{row.data.split()[0].removesuffix("_binary")}-{row.classes}'


def table(name: str, found: list[rows.Row]) -> str:
    """Markdown: every competitor of a set, published ones first.

    Args:
      name: of the set.
      found: rows that were run here; those of other sets are left out.
    """
    lines = [f'### {name}', '',
             '| competitor | test % | KB | non-zeros | from |', '|---|---|---|---|---|']
    for entry in published():
        if entry.set == name:
            lines.append(f'| {entry.name} | {entry.accuracy:.2f} | '
                         f'{entry.kilobytes:,.2f} | {entry.kilobytes * 256:,.0f} | '
                         f'{entry.source} |')
    for row in found:
        if set_of(row) == name:
            lines.append(
                f'| {NAMES.get(row.method, row.method)} | {100 * row.test:.2f} | '
                f'{row.published_bytes / 1024:,.2f} | {row.values:,} | run here on '
                f'{row.data}, seed {row.seed}, best of {row.tried} |')
    return '\n'.join(lines)


def main() -> None:
    """Print a table for every set."""
    known = list(dict.fromkeys(entry.set for entry in published()))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folders', nargs='*', help='written by launch.baselines')
    parser.add_argument('--set', choices=known, help='print its published rows')
    args = parser.parse_args()
    try:
        found = [row for folder in args.folders for row in rows.read(folder)]
    except rows.RowsError as error:
        parser.exit(2, f'error: {error}\n')
    sets = list(dict.fromkeys([*filter(None, [args.set]), *map(set_of, found)]))
    if not sets:
        parser.exit(2, 'error: nothing to print; allowed: folders of launch.baselines, '
                       f'or --set, one of {", ".join(known)}\n')
    print('\n\n'.join(table(name, found) for name in sets))


if __name__ == '__main__':
    main()
