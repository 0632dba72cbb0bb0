"""The front of a study on the emulated board, as text."""

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.table import Table

from launch import cli, tables
from sparse_jax.evaluation import verification
from sparse_jax.evaluation.verification import Checked, Verification
from sparse_jax.export.chip.boards import Board
from sparse_jax.objectives.goal import BOARD, GOALS, Goal, OnBoard
from sparse_jax.objectives.goals import Objectives, exceeded, figure
from sparse_jax.study.opened import open_study
from sparse_jax.study.records import StudyError


def verify_front(
    workdir: str, *, board: Board | None = None, limit: int | None = None,
    compiler: str = 'auto', trust_factories: bool = False,
) -> None:
    """Export, compile and run every front member; print one table.

    Exits with one line if a network fails.

    Raises:
      MissingToolError: no compiler or no emulator is installed.
      StudyError, ConfigError, DataError: the study cannot be read.
    """
    with open_study(workdir, trust_factories=trust_factories) as study:
        found = verification.verify_front(
            study, board=board, limit=limit, compiler=compiler)
        rows, objectives, wanted = (
            study.records.networks(), study.objectives, study.board)
    if not found.checked:
        raise StudyError(
            f'workdir {workdir!r}: {tables.nothing_text(rows, objectives)}')
    _print(found)
    if found.board == wanted:
        _print_budgets(found.checked, objectives)
    failed = [c for c in found.checked if c.run is None]
    if failed:
        cli.fail(f'{len(failed)} of {len(found.checked)} networks failed; '
                 f'trial {failed[0].row.name}: {failed[0].failure}')


def _print(found: Verification) -> None:
    """The table, three lines for each network, and the errors in short."""
    console = tables.console()
    table = Table(
        title=f'Front on {found.board.name} (emulated), {found.images} of '
              f'{found.in_all} test images',
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    goals = _known(found.checked)
    for name in ('trial', '', *(goal.heading for goal in goals), 'image', 'logits'):
        table.add_column(name, justify='right', no_wrap=True)
    errors = []
    for c in found.checked:
        errors += _add_rows(table, c, goals)
        table.add_section()
    tables.show(console, table)
    if errors:
        size = 100 * np.abs(np.array(errors))
        text = ', '.join(
            f'{goal.title} {middle:.1f} % ({most:.1f} %)' for goal, middle, most in
            zip(goals, np.median(size, axis=0), size.max(axis=0)))
        tables.line(console, f'error of the prediction, median (worst): {text}')
    guessed = ', '.join(goal.heading for goal in goals if _is_estimated(goal))
    tables.line(console, 'flash and RAM: of the network; image: all of the linked '
                         f'flash; {guessed}: estimated from a cycle table')


def _is_estimated(goal: Goal) -> bool:
    """Whether even the run of the emulator gives no exact figure."""
    return isinstance(goal.source, OnBoard) and goal.source.verified[0] == 'estimates'


def _known(checked: Sequence[Checked]) -> list[Goal]:
    """The goals of the board of which every network has a figure."""
    known = [costs for c in checked for costs in (c.predicted, c.run)
             if costs is not None]
    return [GOALS[name] for name in BOARD if all(name in costs for costs in known)]


def _add_rows(table: Table, c: Checked, goals: list[Goal]) -> list[np.ndarray]:
    """Up to three lines of a network; the list of its error, empty if it failed."""
    cells = lambda costs: [goal.digits(costs[goal.name]) for goal in goals]
    blank = [''] * len(goals)
    error = verification.errors_of(c, tuple(goal.name for goal in goals))
    if error is None or c.predicted is None or c.run is None:
        known = blank if c.predicted is None else cells(c.predicted)
        table.add_row(c.row.name, 'predicted', *known, '', 'FAILED')
        return []
    table.add_row(c.row.name, 'predicted', *cells(c.predicted), '', '')
    table.add_row('', 'run', *cells(c.run), str(c.image), 'bit-equal')
    table.add_row('', 'error', *(f'{100 * e:+.1f}%' for e in error), '', '')
    return [error]


def _print_budgets(checked: Sequence[Checked], objectives: Objectives) -> None:
    """Networks that keep a budget as predicted and exceed it as run."""
    for c in checked:
        if c.run is None:
            continue
        run = c.row._replace(measured=(c.row.measured or {}) | c.run)
        for name in exceeded(run, objectives):
            goal, most = objectives.goal(name), dict(objectives.budgets)[name]
            value = goal.text(figure(run, name, objectives) or 0.0)
            tables.line(tables.console(), f'trial {c.row.name}: {goal.title} is '
                        f'{value} as run, above its budget of {goal.text(most)}')
