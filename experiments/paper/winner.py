"""Keep the network that a search stands for, as a few kilobytes.

    python -m experiments.paper.winner --workdir=runs/mnist \\
        --row='B:SpArSe, both under 2 KB'

The network is chosen on validation images and meets the test images once. Written are
NAME.json (what is claimed, the nodes, the ranges), NAME.network.json (the network file)
and NAME.npz (its numbers) in experiments/paper/winners, or in --folder.
`python -m experiments.paper.check` holds them to what they claim.

--row names the row of the paper that it is held against, TABLE:SYSTEM, in table A
A:COMPETITOR; without it the network is held against none. --trial names another network
of the study. The winner of another study of the same name is kept, unless --replace.
"""

import contextlib
import hashlib
import json
import pathlib
import re
from collections.abc import Sequence

from experiments.paper import command, ours, published, stored
from experiments.paper.chip import BOARD
from experiments.paper.searched import Searched
from experiments.paper.stored import Winner
from sparse_jax import data
from sparse_jax.evaluation.chip import CALIBRATION, board_costs
from sparse_jax.export import load_board
from sparse_jax.objectives import compact_costs
from sparse_jax.paths import local
from sparse_jax.quantize import calibrate, classify, quantize
from sparse_jax.replacing import drop_abandoned, replacing
from sparse_jax.study import folder as folders
from sparse_jax.study import front as fronts
from sparse_jax.study import glance
from sparse_jax.study.opened import OpenStudy, open_study

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
            if row.is_target and row.set == set_}
    if name not in rows:
        raise stored.WinnerError(f'--row={name}: allowed for {set_}: '
                                 f'{", ".join(rows) or "none, leave it out"}')
    return rows[name]


def study_id(study: OpenStudy) -> str:
    """What tells a study from all others, its repetitions too, however far it is.

    Its images, and what its first network took and gave.
    """
    first = study.records.networks()[0]
    text = json.dumps([data.digest(study.dataset), study.settings.seed, first.name,
                       first.train_seconds, first.error])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def check_free(name: str, folder: pathlib.Path, study: OpenStudy) -> None:
    """Refuse to replace the winner of another study, and to keep two of one: a search
    stands for a row by one network.

    Raises:
      WinnerError: the folder has one of this name, or one of this study. Files of one
        that was killed as it was written claim nothing.
    """
    if not study.records.networks():
        return  # Nothing can be written.
    own, claims = study_id(study), stored.claims(name, folder)
    if claims is not None and claims.get('study') != own:
        raise stored.WinnerError(
            f'--name={name}: {str(folder)!r} has a winner of this name that is not of '
            'this study; allowed: another --name, or --replace')
    for other in stored.names(folder):
        if other != name and (stored.claims(other, folder) or {}).get('study') == own:
            raise stored.WinnerError(f'--name={name}: {str(folder)!r} has {other} of '
                                     f'this study; allowed: --name={other}')


def winner_of(study: OpenStudy, row: str = '', trial: str = 'best') -> Winner:
    """A network of a study, and what is claimed of it.

    Args:
      study: open.
      row: of the paper, as on the command line; '' for none.
      trial: name of the network; 'best' for what `study.finals.chosen` gives.

    Raises:
      StudyError: there is no such network, or none within the bounds.
      WinnerError: the row is none of its data set.
    """
    member, spec, images = study.network(trial), study.data_spec, study.dataset
    set_ = f'{spec.base_name}-{images.num_classes}'
    if row:
        find_row(row, set_)
    ranges = calibrate(member.net, images.train.images[:CALIBRATION])
    qnet = quantize(member.net, ranges)
    own, search = compact_costs.costs(member.net), Searched(study)
    right = classify(qnet, images.validation.images) == images.validation.labels
    claims = {
        'row': row, 'set': set_, 'validation': float(right.mean()),
        'test': ours.int8_test(study, member),
        'costs': (fronts.as_two_units(member) or own)._asdict(),
        'own': own._asdict(),
        'ram': board_costs(qnet, load_board(BOARD))['ram'],
        'data_digest': data.digest(images),
        'test_digest': data.split_digest(data.load_test(spec)),
        'space': {'prior': study.settings.space.prior,
                  'rows': study.settings.space.rows},
        'trial': member.row.name, 'command': ours.command(study.settings),
        'study': study_id(study), 'seconds': round(ours.seconds_of(search)),
        'candidates': ours.candidates_of(search),
        'teacher': folders.teacher(study.records),
        'date': glance.look(study.folder).last.split(' ')[0]}
    return Winner(member.net, ranges, member.row.point, spec, claims)


def write(winner: Winner, name: str, folder: pathlib.Path) -> list[str]:
    """Write the files of a winner; their names.

    What is claimed comes last, and what was claimed before goes first: after a kill the
    folder has the winner of before, the new one, or none that anybody claims.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drop_abandoned(folder)
    files = stored.files_of(winner, name)
    claim = stored.claims_file(name)
    with contextlib.ExitStack() as stack:
        # Written whole first; they take their names as the stack unwinds.
        for file_name, content in sorted(
                files.items(), key=lambda item: item[0] != claim):
            stack.enter_context(replacing(folder / file_name)).write(content)
        stack.callback((folder / claim).unlink, missing_ok=True)
    return list(files)


def main(argv: Sequence[str] | None = None) -> None:
    """Choose, test, write."""
    parser = command.Parser(__doc__)
    parser.add_argument('--workdir', required=True, help='folder of a study')
    parser.add_argument('--row', default='', help='of the paper, as TABLE:SYSTEM')
    parser.add_argument('--trial', default='best', metavar='N',
                        help='the network, as launch.report names it')
    parser.add_argument('--name', default='', help='by default that of the workdir')
    parser.add_argument('--replace', action='store_true',
                        help='the winner of another study of this name')
    parser.add_argument('--folder', default=str(stored.FOLDER))
    parser.add_argument('--trust_factories', action='store_true',
                        help='run code that the study names')
    args = parser.parse_args(argv)
    with command.one_line():
        workdir = local(args.workdir)
        name = args.name or workdir.absolute().name
        if not _NAME.fullmatch(name) or name.endswith(stored.NETWORK):
            command.fail(f'--name={name}: allowed: up to 61 lower-case letters, digits,'
                         f' _, . and -, not {stored.NETWORK} at the end')
        folder = local(args.folder)
        with open_study(workdir, trust_factories=args.trust_factories) as study:
            if not args.replace:
                check_free(name, folder, study)
            winner = winner_of(study, args.row, args.trial)
        files = write(winner, name, folder)
        claims = winner.claims
        print(f'trial {claims["trial"]}: validation {100 * claims["validation"]:.2f} %,'
              f' test {100 * claims["test"]:.2f} % in int8')
        print(f'written: {args.folder}/{", ".join(files)}')


if __name__ == '__main__':
    main()
