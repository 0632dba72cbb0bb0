"""The points of a sweep run on this machine, and the table of what they reached."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from launch import cli, interrupts, tables

if TYPE_CHECKING:
    from sparse_jax.objectives.goals import Objectives
    from sparse_jax.settings.groups import Settings
    from sparse_jax.sweep.commands import Command
    from sparse_jax.sweep.results import Result


def run(found: Sequence[tuple[Command, Settings]]) -> set[str]:
    """Run the searches one after another; names of those that failed.

    A search that somebody stops ends the sweep.
    """
    from sparse_jax.sweep.results import is_done

    console, failed = tables.console(), set()
    for number, (command, settings) in enumerate(found, 1):
        head = f'point {number}/{len(found)} {command.name}'
        if is_done(command, settings):
            tables.line(console, f'{head}: finished before')
            continue
        tables.line(console, head)
        console.file.flush()
        with interrupts.hint('the same command continues'):
            code = _ended(command)
        if code in _stopped():
            cli.fail('stopped; the same command continues', abs(code))
        if code:
            failed.add(command.name)
            tables.line(console, f'{head}: failed with exit code {code}')
    return failed


def _ended(command: Command) -> int:
    """The exit code of a point's search."""
    with subprocess.Popen(command.argv) as process, interrupts.child(process):
        return process.wait()


def _stopped() -> tuple[int, ...]:
    """Exit codes of a search that a person or a system stopped."""
    return (*interrupts.CODES.values(), *(-number for number in interrupts.CODES))


def say(reached: Sequence[Result], objectives: Objectives) -> None:
    """One table: a line per group of points that differ in their seeds alone."""
    from sparse_jax.sweep.results import groups_of

    goals, groups = objectives.used, groups_of(reached)
    heading, names = tables.without_key([group.name for group in groups], 'point')
    table = Table(title='median over seeds, range below')
    table.add_column(heading, overflow='fold')
    for name in ('studies', 'hypervolume', 'valid. %',
                 *(goal.heading for goal in goals[1:])):
        table.add_column(name, justify='right', no_wrap=True)
    for name, group in zip(names, groups):
        done = sum(result.state == 'finished' for result in group.results)
        count = len(group.results)
        cells = [
            f'{count}' if done == count else f'{done} of {count}',
            tables.median_text([result.hypervolume for result in group.results],
                               lambda value: f'{value:.3f}'),
            tables.median_text([1 - error for error in group.figures('error')],
                               lambda value: f'{100 * value:.2f}'),
            *(tables.median_text(group.figures(goal.name), goal.digits)
              for goal in goals[1:])]
        table.add_row(name, *cells)
    tables.show(tables.console(), table)
    for result in reached:
        if result.state != 'finished':
            tables.line(tables.console(), f'{result.command.name}: {result.state}')
