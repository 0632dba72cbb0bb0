"""The competitors of the paper's table A: as published, and as they were run here.

    python -m experiments.paper.competitors --set=mnist-10
    python -m experiments.paper.competitors runs/mnist runs/chars4k > competitors.md

Arguments are folders that launch.baselines has written. Non-zeros of a published row
are its bytes over four, as in table A. Published groupings into two classes, and the
400 features of CIFAR-10 in two groups, are not ours: such rows stand beside each other,
no more.
"""


from experiments.paper import command
from sparse_jax.baselines import published, rows

NAMES = {'bonsai': 'Bonsai', 'protonn': 'ProtoNN', 'knn': 'kNN', 'svm': 'RBF-SVM',
         'gbdt': 'GBDT', 'lenet-5': 'LeNet', 'lenet-5+sparse_vd': 'LeNet + SpVD',
         'lenet-300-100': 'LeNet-300-100', 'modc': 'MODC',
         'random-search': 'CNN, random search'}
"""Of our methods, as the papers write them."""
FILLED = ('bonsai', 'protonn')
"""Those that fill a number of bytes."""


def competitors() -> list[published.Published]:
    """What others than the paper have published."""
    return [entry for entry in published.everything() if not entry.is_paper]


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
    for entry in competitors():
        if entry.set == name:
            cells = [_number(entry.accuracy, '.2f'),
                     _number(entry.size and entry.size / 1024, ',.2f'),
                     _number(entry.values, ',')]
            lines.append(f'| {entry.system} | {" | ".join(cells)} | {entry.source} |')
    for row in found:
        if set_of(row) == name:
            lines.append(
                f'| {NAMES.get(row.method, row.method)} | {100 * row.test:.2f} | '
                f'{row.published_bytes / 1024:,.2f} | {row.values:,} | run here on '
                f'{row.data}, seed {row.seed}, best of {row.tried} |')
    return '\n'.join(lines)


def _number(value: float | None, form: str) -> str:
    return '–' if value is None else f'{value:{form}}'


def main() -> None:
    """Print a table for every set."""
    known = list(dict.fromkeys(entry.set for entry in competitors()))
    parser = command.Parser(__doc__)
    parser.add_argument('folders', nargs='*', help='written by launch.baselines')
    parser.add_argument('--set', choices=known, help='print its published rows')
    args = parser.parse_args()
    with command.one_line():
        found = [row for folder in args.folders for row in rows.read(folder)]
    sets = list(dict.fromkeys([*filter(None, [args.set]), *map(set_of, found)]))
    if not sets:
        command.fail('nothing to print; allowed: folders of launch.baselines, or --set,'
                     f' one of {", ".join(known)}')
    print('\n\n'.join(table(name, found) for name in sets))


if __name__ == '__main__':
    main()
