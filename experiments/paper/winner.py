"""Keep the network that a search stands for, as a few kilobytes.

    python -m experiments.paper.winner --workdir=runs/mnist \\
        --row='B:SpArSe, both under 2 KB'

The network is chosen on validation images and meets the test images once. Written are
NAME.json (what is claimed, the nodes, the ranges), NAME.network.json (the network file)
and NAME.npz (its numbers) in experiments/paper/winners, or in --folder.
`python -m experiments.paper.check` holds them to what they claim.

--row names the row of the paper that it is held against, TABLE:SYSTEM, in table A
A:COMPETITOR; without it the network is held against none.
"""

import argparse
import pathlib
import re
from collections.abc import Sequence

from experiments.paper import command, ours, published, stored
from experiments.paper.stored import Winner
from sparse_jax import data
from sparse_jax.evaluation.chip import CALIBRATION, board_costs
from sparse_jax.export import load_board
from sparse_jax.objectives import compact_costs
from sparse_jax.paths import local
from sparse_jax.quantize import calibrate, classify, quantize
from sparse_jax.replacing import replacing
from sparse_jax.study import front as fronts
from sparse_jax.study import glance
from sparse_jax.study.opened import open_study

_NAME = re.compile(r'[a-z0-9][a-z0-9_.-]{0,60}')


def row_id(row: published.Published) -> str:
    """How a row of the paper is named on the command line."""
    return f'{row.table}:{row.against or row.system}'


def find_row(name: str, set_: str) -> published.Published:
    """The row of the paper of this name.

    Raises:
      WinnerError: there is none for the data set.
    """
    rows = {row_id(row): row for row in published.everything()
            if row.is_paper and row.set == set_}
    if name not in rows:
        raise stored.WinnerError(f'--row={name}: allowed for {set_}: '
                                 f'{", ".join(rows) or "none, leave it out"}')
    return rows[name]


def winner_of(
    folder: str | pathlib.Path, row: str = '', *, trust_factories: bool = False,
) -> Winner:
    """The network that a study stands for, and what is claimed of it.

    Raises:
      StudyError: the study cannot be read, or no network is within its bounds.
      WinnerError: the row is none of its data set.
    """
    with open_study(folder, trust_factories=trust_factories) as study:
        member, spec, images = study.network(), study.data_spec, study.dataset
        set_ = f'{spec.base_name}-{images.num_classes}'
        if row:
            find_row(row, set_)
        ranges = calibrate(member.net, images.train.images[:CALIBRATION])
        qnet = quantize(member.net, ranges)
        own = compact_costs.costs(member.net)
        right = classify(qnet, images.validation.images) == images.validation.labels
        claims = {
            'row': row, 'set': set_, 'validation': float(right.mean()),
            'test': ours.int8_test(study, member),
            'costs': (fronts.as_two_units(member) or own)._asdict(),
            'own': own._asdict(),
            'ram': board_costs(qnet, load_board('microbit'))['ram'],
            'data_digest': data.digest(images),
            'test_digest': data.split_digest(data.load_test(spec)),
            'space': {'prior': study.settings.space.prior,
                      'rows': study.settings.space.rows},
            'trial': member.row.name, 'command': ours.command(study.settings),
            'date': glance.look(folder).last.split(' ')[0]}
        return Winner(member.net, ranges, member.row.point, spec, claims)


def write(winner: Winner, name: str, folder: pathlib.Path) -> list[str]:
    """Write the files of a winner, each whole; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    files = stored.files_of(winner, name)
    for file_name, content in files.items():
        with replacing(folder / file_name) as file:
            file.write(content)
    return list(files)


def main(argv: Sequence[str] | None = None) -> None:
    """Choose, test, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--workdir', required=True, help='folder of a study')
    parser.add_argument('--row', default='', help='of the paper, as TABLE:SYSTEM')
    parser.add_argument('--name', default='', help='by default that of the workdir')
    parser.add_argument('--folder', default=str(stored.FOLDER))
    parser.add_argument('--trust_factories', action='store_true',
                        help='run code that the study names')
    args = parser.parse_args(argv)
    with command.one_line():
        workdir = local(args.workdir)
        name = args.name or workdir.absolute().name
        if not _NAME.fullmatch(name):
            command.fail(f'--name={name}: allowed: up to 61 lower-case letters, digits,'
                         ' _, . and -')
        winner = winner_of(workdir, args.row, trust_factories=args.trust_factories)
        files = write(winner, name, local(args.folder))
        claims = winner.claims
        print(f'trial {claims["trial"]}: validation {100 * claims["validation"]:.2f} %,'
              f' test {100 * claims["test"]:.2f} % in int8')
        print(f'written: {args.folder}/{", ".join(files)}')


if __name__ == '__main__':
    main()
