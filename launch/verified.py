"""The front of a study on the emulated board: predictions against what was run."""

import pathlib
from typing import NamedTuple

import numpy as np
from rich.table import Table

from launch import cli, tables
from sparse_jax import data
from sparse_jax.evaluation.chip import (
    CALIBRATION,
    as_int8,
    board_costs,
    verified_costs,
)
from sparse_jax.export import ExportData, ExportError, export_network, verify
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.chip.toolchain import check_tools
from sparse_jax.objectives.goal import BOARD, GOALS
from sparse_jax.objectives.goals import exceeded, figure
from sparse_jax.study import files
from sparse_jax.study.opened import open_study
from sparse_jax.study.records import Record, StudyError

FOLDER = 'verified'


class Checked(NamedTuple):
    """One member of the front, predicted and run."""

    row: Record
    predicted: dict[str, float] | None
    """{goal: figure}; None if it could not be generated."""
    run: dict[str, float] | None
    """As linked and emulated; None if the verification failed."""
    image: int = 0
    """Bytes of the whole linked image, reset code and example firmware included."""
    failure: str = ''


def verify_front(
    workdir: str, *, board: Board | None = None, limit: int | None = None,
    compiler: str = 'auto', trust_factories: bool = False,
) -> None:
    """Export, compile and run every front member; print one table.

    The folders are WORKDIR/verified/NAME. Test images are only run through both
    implementations: their labels are not looked at. Exits with one line if a network
    fails.

    Raises:
      MissingToolError: no compiler or no emulator is installed.
      StudyError, ConfigError, DataError: the study cannot be read.
    """
    files.check_folder(pathlib.Path(workdir) / FOLDER, workdir)
    study = open_study(workdir, trust_factories=trust_factories)
    objectives, wanted = study.objectives, study.board
    board = board or wanted
    check_tools(board, compiler)
    members = [study.network(row) for row in study.front()]
    if not members:
        rows = study.records.networks()
        raise StudyError(
            f'workdir {workdir!r}: {tables.nothing_text(rows, objectives)}')
    images = data.load_test(study.data_spec).images
    checked = [_check(m, study.dataset, images[:limit], board, board == wanted,
                      pathlib.Path(workdir) / FOLDER / m.row.name, compiler)
               for m in members]
    _print(checked, board, len(images[:limit]), len(images))
    if board == wanted:
        _print_budgets(checked, objectives)
    failed = [c for c in checked if c.run is None]
    if failed:
        cli.fail(f'{len(failed)} of {len(checked)} networks failed; '
                 f'trial {failed[0].row.name}: {failed[0].failure}')


def _check(member, dataset, images, board, stored, out, compiler):
    """One member; what the search predicted is taken from the study if it did."""
    predicted = member.row.measured if stored else None
    try:
        if predicted is None or BOARD[0] not in predicted:
            predicted = board_costs(as_int8(member.net, dataset), board)
        export_network(member.net, ExportData(dataset.train.images[:CALIBRATION],
                                              images), board, out)
        found = verify(out, compiler=compiler)
    except (ExportError, ValueError) as error:
        return Checked(member.row, predicted, None, failure=str(error))
    return Checked(member.row, predicted, verified_costs(found), found['flash'])


def _print(checked, board, images, in_all):
    """The table, three lines for each network, and the errors in short."""
    console = tables.console()
    table = Table(title=f'Front on {board.name} (emulated), {images} of {in_all} test '
                        'images')
    goals = _known(checked)
    for name in ('trial', '', *(goal.heading for goal in goals), 'image', 'logits'):
        table.add_column(name, justify='right', no_wrap=True)
    errors = []
    for c in checked:
        errors += _add_rows(table, c, goals)
        table.add_section()
    tables.show(console, table)
    if errors:
        size = 100 * np.abs(np.array(errors))
        text = ', '.join(
            f'{goal.title} {middle:.1f} % ({most:.1f} %)' for goal, middle, most in
            zip(goals, np.median(size, axis=0), size.max(axis=0)))
        tables.line(console, f'error of the prediction, median (worst): {text}')
    tables.line(console, 'flash and RAM: of the network; image: all of the linked '
                         'flash; ms: an estimate from a cycle table')


def _known(checked):
    """The goals of the board of which every network has a figure."""
    known = [costs for c in checked for costs in (c.predicted, c.run)
             if costs is not None]
    return [GOALS[name] for name in BOARD if all(name in costs for costs in known)]


def _add_rows(table, c, goals):
    """Up to three lines of a network; the list of its error, empty if it failed."""
    figures = lambda costs: np.array([costs[goal.name] for goal in goals], float)
    cells = lambda costs: [goal.digits(costs[goal.name]) for goal in goals]
    blank = [''] * len(goals)
    if c.run is None:
        known = blank if c.predicted is None else cells(c.predicted)
        table.add_row(c.row.name, 'predicted', *known, '', 'FAILED')
        return []
    error = figures(c.predicted) / figures(c.run) - 1
    table.add_row(c.row.name, 'predicted', *cells(c.predicted), '', '')
    table.add_row('', 'run', *cells(c.run), str(c.image), 'bit-equal')
    table.add_row('', 'error', *(f'{100 * e:+.1f}%' for e in error), '', '')
    return [error]


def _print_budgets(checked, objectives):
    """Networks that keep a budget as predicted and exceed it as run."""
    for c in checked:
        if c.run is None:
            continue
        run = c.row._replace(measured=(c.row.measured or {}) | c.run)
        for name in exceeded(run, objectives):
            goal, most = objectives.goal(name), dict(objectives.budgets)[name]
            value = goal.text(figure(run, name, objectives))
            tables.line(tables.console(), f'trial {c.row.name}: {goal.title} is '
                        f'{value} as run, above its budget of {goal.text(most)}')
