"""Hold every kept network to what is claimed of it.

    python -m experiments.paper.check
    python -m experiments.paper.check --data mnist=DIR --data cifar10=FILE.npz

Each winner of experiments/paper/winners is read again. Its sizes, its working memory
and the buffers of its C are counted anew; where its data are at hand its int8 network
is run on all validation and test images, and its C on the emulated Micro Bit on all
test images, where every logit must agree. What cannot be checked is named with the
reason. Exit code 1 says that something is not as claimed.
"""

import contextlib
import dataclasses
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.paper import command, published, stored, verdict, winner
from experiments.paper.chip import BOARD
from experiments.paper.stored import Winner
from sparse_jax import data
from sparse_jax.data import DataError, Dataset, Split
from sparse_jax.data.known import EMBEDDED, SOURCES
from sparse_jax.evaluation.chip import board_costs
from sparse_jax.export import (
    ExportData,
    ExportError,
    MissingToolError,
    export_network,
    load_board,
    verify,
)
from sparse_jax.objectives import compact_costs
from sparse_jax.paths import local
from sparse_jax.quantize import classify, quantize
from sparse_jax.space import encoding, network_file
from sparse_jax.space.sparse_space import sparse_space

GOOD, WRONG, SKIPPED = 'good', 'WRONG', 'skipped'


class Finding(NamedTuple):
    """One claim of a winner, held to the files."""

    state: str
    """GOOD, WRONG or SKIPPED."""
    text: str


def check(
    name: str, paths: Mapping[str, str], folder: pathlib.Path = stored.FOLDER,
) -> Iterator[Finding]:
    """All claims of a winner, one after the other.

    Args:
      name: of the winner.
      paths: {data set: where its files lie}, of those that are not embedded.
      folder: of the winners.
    """
    try:
        kept = stored.read(name, folder)
    except stored.WinnerError as error:
        yield Finding(WRONG, str(error))
        return
    yield from _counted(kept)
    base = kept.data.base_name
    if lacks_images(kept, paths):
        yield Finding(SKIPPED, f'accuracy and chip: no images of {base}; give '
                               f'--data {base}=PATH ({where(base)})')
        return
    try:
        spec = dataclasses.replace(kept.data, path=paths.get(base, ''))
        images, test = data.load(spec), data.load_test(spec)
    except DataError as error:
        yield Finding(SKIPPED, f'accuracy and chip: {error}')
        return
    yield from _seen(kept, images, test)
    yield _on_chip(kept, images, test)


def lacks_images(kept: Winner, paths: Mapping[str, str]) -> bool:
    """Whether nobody said where the images of a winner are, which are not embedded."""
    return kept.data.base_name not in {*paths, *EMBEDDED}


def where(name: str) -> str:
    """Where the images of a data set come from, or in which form they are read."""
    return SOURCES.get(name, 'docs/data.md says in which forms')


def _counted(kept: Winner) -> Iterator[Finding]:
    """What needs no images."""
    own, claims = compact_costs.costs(kept.net), kept.claims
    for field, claimed in claims['own'].items():
        yield _equal(field.replace('_', ' '), getattr(own, field), claimed)
    # A second unit has at most as many weights again, and a bias.
    last = kept.net.nodes[-1].weight
    more = 0 if last is None or len(last) > 1 else np.count_nonzero(last) + 1
    size = kept.costs.model_size
    inside = own.model_size <= size <= own.model_size + more
    yield Finding(GOOD if inside else WRONG,
                  f'{size:,} values as the paper counts, {own.model_size:,} as built')
    qnet = quantize(kept.net, kept.ranges)
    yield _equal('buffers', board_costs(qnet, load_board(BOARD))['ram'],
                 claims['ram'])
    yield _described(kept)
    if claims['row']:
        yield _held_against(kept)


def _described(kept: Winner) -> Finding:
    """Whether the network file is of the same network."""
    try:
        space = sparse_space(
            kept.net.input_shape, kept.net.classes, **kept.claims['space'])
        point = network_file.check(space, kept.point)
    except (network_file.NetworkFileError, ValueError, TypeError) as error:
        return Finding(WRONG, f'network file: {error}')
    graph = encoding.graph(space, encoding.encode(space, point))
    widths = {node.name: node.channels for node in graph.nodes}
    # Pruning removes layers and units, and adds none.
    fits = all(
        node.weight is None or len(node.weight) <= widths.get(node.name, 0)
        for node in kept.net.nodes)
    return Finding(GOOD if fits else WRONG, 'network file of the same layers')


def _held_against(kept: Winner) -> Finding:
    """The row of the paper, and whether it is won."""
    try:
        row = winner.find_row(kept.claims['row'], kept.claims['set'])
    except stored.WinnerError as error:
        return Finding(WRONG, str(error))
    result = verdict.both_ways(*(
        verdict.verdict_of(
            row, kept.claims['test'], verdict.costs_of(costs, row.table))
        for costs in (kept.own, kept.own if row.counts_one_unit else kept.costs)))
    return Finding(GOOD, f'{row_text(row)}: {result}')


def row_text(row: published.Published) -> str:
    """A row of the paper in words."""
    accuracy = '' if row.accuracy is None else f', {row.accuracy:.2f} %'
    return f'table {row.table}, {row.against or row.system}{accuracy}'


def _seen(kept: Winner, images: Dataset, test: Split) -> Iterator[Finding]:
    """What needs the images."""
    claims = kept.claims
    yield _equal('images', data.digest(images), claims['data_digest'])
    yield _equal('test images', data.split_digest(test), claims['test_digest'])
    qnet = quantize(kept.net, kept.ranges)
    for name, part in (('validation', images.validation), ('test', test)):
        right = float((classify(qnet, part.images) == part.labels).mean())
        yield _equal(f'{name} accuracy in int8', right, claims[name])


def _on_chip(kept: Winner, images: Dataset, test: Split) -> Finding:
    """The generated C on the emulated board, on all test images."""
    with tempfile.TemporaryDirectory(prefix='sparse_jax_check_') as folder:
        try:
            export_network(
                kept.net, ExportData(images.validation.images[:1], *test), BOARD,
                folder, ranges=kept.ranges)
            found = verify(folder)
        except MissingToolError as error:
            return Finding(SKIPPED, f'chip: {error}')
        except (ExportError, ValueError) as error:
            return Finding(WRONG, f'chip: {error}')
    if found['accuracy'] != kept.claims['test']:
        return _equal('accuracy on the chip', found['accuracy'], kept.claims['test'])
    return Finding(
        GOOD, f'chip: {found["images"]} of {len(test.labels)} test images bit-equal, '
        f'{found["network"]["flash"]} B of flash, {found["network"]["ram"]} B of RAM, '
        f'{1e3 * found["estimates"]["latency_s"]:.2f} ms estimated')


def _equal(what: str, found: object, claimed: object) -> Finding:
    if found == claimed:
        shown = '' if isinstance(found, str) else f': {found}'
        return Finding(GOOD, f'{what}{shown}')
    return Finding(WRONG, f'{what}: {found}, not {claimed}')


def paths_of(given: Sequence[str], folder: pathlib.Path) -> dict[str, str]:
    """{data set: where its files lie} of what a person gave as SET=PATH.

    Raises:
      WinnerError: it has another form, or no winner of the folder is of the data set.
    """
    sets = set()
    for name in stored.names(folder):
        # A winner that cannot be read is told of by its check.
        with contextlib.suppress(stored.WinnerError):
            sets.add(stored.read(name, folder).data.base_name)
    allowed, paths = ', '.join(sorted(sets - set(EMBEDDED))) or 'none, leave it out', {}
    for words in given:
        name, equals, path = words.partition('=')
        if not equals:
            raise stored.WinnerError(
                f'--data {words}: allowed: SET=PATH, as in mnist=DIR')
        if name not in sets - set(EMBEDDED):
            raise stored.WinnerError(
                f'--data {words}: no winner needs images of {name!r}; allowed as SET: '
                f'{allowed}')
        paths[name] = str(local(path))
    return paths


def main(argv: Sequence[str] | None = None) -> None:
    """Check all winners of a folder."""
    parser = command.Parser(__doc__)
    parser.add_argument('--data', action='append', default=[], metavar='SET=PATH')
    parser.add_argument('--folder', default=str(stored.FOLDER))
    args = parser.parse_args(argv)
    with command.one_line():
        folder = local(args.folder)
        known = stored.names(folder)
        if not known:
            command.fail(f'{str(folder)!r} has no winner; allowed: a folder that '
                         'experiments.paper.winner has written')
        paths = paths_of(args.data, folder)
        states = []
        for name in known:
            print(name)
            for finding in check(name, paths, folder):
                print(f'  {finding.state:7}  {finding.text}', flush=True)
                states.append(finding.state)
    counts = [f'{states.count(state)} {state}' for state in dict.fromkeys(states)]
    print(', '.join(counts))
    if WRONG in states:
        sys.exit(1)


if __name__ == '__main__':
    main()
