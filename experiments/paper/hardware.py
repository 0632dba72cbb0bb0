"""The paper's table of hardware measurements again, on emulated boards.

    python -m experiments.paper.hardware --workdir=runs/hardware --data mnist=DIR \\
        --data cifar10=FILE.npz --data chars4k=FILE.npz
    python -m experiments.paper.hardware --workdir=runs/hardware --networks=digits

Every kept network of experiments/paper/winners, the deployed network of the paper among
them, becomes C, is linked for each board and runs there on all test images of its data;
every logit must be that of the int8 network. Flash and RAM are of the linked image,
instructions are counted; milliseconds and millijoules are estimates from a table of
cycles. WORKDIR keeps what has run, and the same command again continues. The paper's
own figures are not known; those of Bonsai on an Arduino Uno stand below.
"""

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.paper import check, command, stored
from experiments.paper.markdown import NONE, grid, number
from experiments.paper.stored import Winner
from sparse_jax import data
from sparse_jax.baselines import published
from sparse_jax.export import ExportData, export_network, verify
from sparse_jax.paths import local, refusal
from sparse_jax.replacing import replacing

BOARDS = ('microbit', 'stm32f413')
"""Those of the paper."""
FIGURES = ('images', 'test_set', 'accuracy', 'ram', 'stack', 'flash', 'instructions',
           'seconds', 'joules', 'compiler')
"""Of a run, see `measure`."""
HEAD = ('network', 'board', 'test images', 'test %', 'working memory (B)',
        'model (B)', 'RAM (B)', 'stack (B)', 'flash (B)', 'instructions',
        'ms, estimate', 'mJ, estimate')
WORDS = ('RAM is static: buffers and one row of the image; flash is the whole image, '
         'with reset code. Memory and model are elements as the paper counts them. '
         'Milliseconds and millijoules are estimates from a table of cycles; boards '
         'of which no current is known have no energy.')


def measure(kept: Winner, paths: Mapping[str, str], board: str) -> dict[str, Any]:
    """Run a network on all test images of its data on an emulated board.

    Args:
      kept: the network.
      paths: {data set: where its files lie}, of those that are not embedded.
      board: name of the board.

    Returns:
      'images' of 'test_set', 'accuracy' on the chip, 'ram', 'stack' and 'flash' in
      bytes, mean 'instructions', 'seconds' and 'joules' (None if not known) an image,
      and 'compiler'.

    Raises:
      DataError, ExportError: the images cannot be read, or the network does not run.
      WinnerError: the test images are others than those that it claims.
    """
    spec = dataclasses.replace(kept.data, path=paths.get(kept.data.base_name, ''))
    images, test = data.load(spec), data.load_test(spec)
    if data.split_digest(test) != kept.claims['test_digest']:
        raise stored.WinnerError(
            f'{spec.name}: these are not the test images of the network; allowed: '
            'those that it was kept with')
    with tempfile.TemporaryDirectory(prefix='sparse_jax_hardware_') as folder:
        export_network(
            kept.net, ExportData(images.validation.images[:1], *test), board, folder,
            ranges=kept.ranges)
        found = verify(folder)
    return {
        'images': found['images'], 'test_set': found['test_set'],
        'accuracy': found['accuracy'], 'ram': found['static_ram'],
        'stack': found['stack'], 'flash': found['flash'],
        'instructions': found['instructions']['mean'],
        'seconds': found['estimates']['latency_s'],
        'joules': found['estimates'].get('energy_j'), 'compiler': found['compiler']}


def known(workdir: pathlib.Path, kept: Winner, name: str, board: str) -> dict | None:
    """What an earlier run has found of the same network; None if there is nothing."""
    path = _path(workdir, name, board)
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text())
        figures = {key: found['figures'][key] for key in FIGURES}
        return figures if found['claims'] == _claims(kept) else None
    except (ValueError, KeyError, TypeError):
        return None


def keep(
    workdir: pathlib.Path, kept: Winner, name: str, board: str, figures: dict,
) -> None:
    """Write what was found, whole."""
    workdir.mkdir(parents=True, exist_ok=True)
    text = json.dumps({'claims': _claims(kept), 'figures': figures}, indent=1) + '\n'
    with replacing(_path(workdir, name, board)) as file:
        file.write(text.encode())


def _path(workdir: pathlib.Path, name: str, board: str) -> pathlib.Path:
    return workdir / f'{name}.{board}.json'


def _claims(kept: Winner) -> dict[str, Any]:
    """What tells a network from another of the same name, as JSON gives it back."""
    return json.loads(json.dumps({
        key: kept.claims[key] for key in ('own', 'test', 'test_digest', 'ram')}))


def row(name: str, kept: Winner, board: str, found: Mapping[str, Any]) -> list[str]:
    """A line of the table."""
    energy = found['joules']
    return [
        name, board, f'{found["images"]:,}', f'{100 * found["accuracy"]:.2f}',
        number(kept.costs.working_memory), number(kept.costs.model_size),
        number(found['ram']), number(found['stack']), number(found['flash']),
        number(found['instructions']), f'{1e3 * found["seconds"]:.2f}',
        NONE if energy is None else f'{1e3 * energy:.3f}']


def table(rows: Iterable[Sequence[str]], compilers: Iterable[str]) -> str:
    """The table as Markdown, with what its columns mean."""
    names = ', '.join(dict.fromkeys(compilers))
    return f'{grid(HEAD, rows)}\n\n{WORDS} Compiled by {names}.\n'


def published_table() -> str:
    """What others have published as measured on a chip, as Markdown."""
    rows = [[entry.set, entry.system, entry.chip, number(entry.accuracy, '.2f'),
             number(entry.model_size), number(entry.milliseconds, '.2f'),
             number(entry.millijoules, '.2f')]
            for entry in published.everything() if entry.chip]
    head = ('data', 'system', 'chip', 'test %', 'model (B)', 'ms', 'mJ')
    return f'{grid(head, rows)}\n'


def _list(words: str, allowed: Sequence[str], flag: str) -> list[str]:
    """The names of a flag; all of them if it is empty."""
    names = list(filter(None, words.split(','))) or list(allowed)
    for name in names:
        if name not in allowed:
            command.fail(f'--{flag}={name}: allowed: {", ".join(allowed)}')
    return names


def main(argv: Sequence[str] | None = None) -> None:
    """Run what has not run, print the table of what has."""
    parser = command.Parser(__doc__)
    parser.add_argument('--workdir', required=True, help='keeps what has run')
    parser.add_argument('--networks', default='', metavar='NAME,NAME,...')
    parser.add_argument('--boards', default='', metavar='NAME,NAME,...',
                        help=f'by default {",".join(BOARDS)}')
    parser.add_argument('--data', action='append', default=[], metavar='SET=PATH')
    parser.add_argument('--folder', default=str(stored.FOLDER))
    args = parser.parse_args(argv)
    rows, compilers, skipped = [], [], []
    with command.one_line():
        folder, workdir = local(args.folder), local(args.workdir)
        # Before there are minutes of work to lose.
        if refused := refusal(workdir) if args.workdir else 'allowed: a folder':
            command.fail(f'--workdir={args.workdir}: {refused}')
        paths = check.paths_of(args.data, folder)
        boards = _list(args.boards, BOARDS, 'boards')
        for name in _list(args.networks, stored.names(folder), 'networks'):
            kept = stored.read(name, folder)
            for board in boards:
                found = known(workdir, kept, name, board)
                if found is None and check.lacks_images(kept, paths):
                    base = kept.data.base_name
                    skipped.append(f'{name}: no images of {base}; give --data '
                                   f'{base}=PATH ({check.where(base)})')
                    break
                if found is None:
                    found = measure(kept, paths, board)
                    keep(workdir, kept, name, board, found)
                rows.append(row(name, kept, board, found))
                compilers.append(found['compiler'])
    if rows:
        print(table(rows, compilers))
    print('\n'.join([*(f'skipped: {line}' for line in skipped), published_table()]))


if __name__ == '__main__':
    main()
