r"""Search with many configurations: one study for each point of a sweep.

    python -m launch.sweep --config=experiments/digits.py --workdir=runs/sweep \
        --sweep='config.seed=0:3; config.pruning.method=sparse_vd,bayes_compress'

--sweep lists settings, separated by semicolons, with their values: all combinations are
searched. LOW:HIGH are whole numbers, HIGH not included; quotes and brackets keep commas
together. Without it the function get_hyper(hyper) of the experiment file gives the
points, from hyper.sweep, product, zipit and chainit.

Every point has a folder in the workdir, named after it, which all launchers read. The
same command again continues: finished points are passed over. A point that fails is
reported and the others go on. At the end there are sweep.csv, a line per point, and a
table with medians over seeds.

--executor=print prints the commands, for parallel or xargs; slurm writes the script of
an array and submits it; ray runs the points on a Ray cluster. --task=K runs one point.
"""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from launch import cli, config_flag, sweep_elsewhere, tables

if TYPE_CHECKING:
    from sparse_jax.settings.groups import Settings
    from sparse_jax.sweep.commands import Command
    from sparse_jax.sweep.hyper import Point

FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
WORKDIR = cli.define_workdir('Folder of the sweep; every point has one in it.', FLAGS)
TRUST = cli.define_trust(FLAGS)
SWEEP = flags.DEFINE_string(
    'sweep', None, "Settings and their values, as in 'config.seed=0:3; "
    "config.pruning.method=sparse_vd,bayes_compress'; get_hyper(hyper) of the "
    'experiment file if absent.', flag_values=FLAGS)
EXECUTOR = flags.DEFINE_enum(
    'executor', 'local', ('local', 'ray', 'slurm', 'print', 'none'), 'local runs one '
    'point after another, ray as many as a cluster holds, slurm submits an array; '
    'print prints the commands of those that have not finished, none only gathers what '
    'is there.', flag_values=FLAGS)
ELSEWHERE = sweep_elsewhere.define(FLAGS)
TASK = flags.DEFINE_integer(
    'task', None, 'Run this point of the sweep alone, the first one is 0; nothing is '
    'gathered.', flag_values=FLAGS)
CSV = 'sweep.csv'


def points_of() -> list[Point]:
    """The points that a person describes."""
    from sparse_jax.sweep.parsing import parse

    if SWEEP.value is not None:
        return parse(SWEEP.value)
    file, _ = config_flag.given()
    points = config_flag.load_hyper(file)
    if points is None:
        cli.fail(f"nothing to sweep; allowed: --sweep='config.seed=0:3', or "
                 f'get_hyper(hyper) in {file}')
    return points


def commands_of(points: Sequence[Point]) -> list[tuple[Command, Settings]]:
    """The command of every point and the settings it searches with, checked."""
    from sparse_jax.settings.reading import read
    from sparse_jax.sweep import commands

    file, overrides = config_flag.given()
    words = [f'--config={file}', *overrides]
    found = []
    for command in commands.commands(points, WORKDIR.value, [*words, *_passed_on()]):
        swept = [f'--{name}={commands.text_of(value)}'
                 for name, value in command.point.items()]
        found.append((command, read(cli.config_of([*words, *swept]))))
    check_different(found)
    return found


def check_different(found: Sequence[tuple[Command, Settings]]) -> None:
    """Refuse points that are equal though they are spelt differently, as 1e-3 and
    0.001: they would be one study twice."""
    from sparse_jax.settings.tree import flatten, to_tree

    known: dict[str, Command] = {}
    for command, settings in found:
        # As text: settings hold dicts.
        text = repr(_numbers(flatten(to_tree(settings))))
        earlier = known.setdefault(text, command)
        if earlier is not command:
            cli.fail(f'points {earlier.task} and {command.task} of the sweep are '
                     f'equal: {earlier.name} and {command.name}; allowed: different '
                     'ones')


def _numbers(value: Any) -> Any:
    """A value of settings with all of its numbers as floats: 1 and 1.0 are equal."""
    if isinstance(value, dict):
        return {name: _numbers(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(inner) for inner in value]
    return float(value) if isinstance(value, int) else value


def _passed_on() -> list[str]:
    """Flags of this launcher that the searches have too."""
    cache = FLAGS['cache_dir']
    return [*([f'--cache_dir={cache.value}'] if cache.present else []),
            *(['--trust_factories'] if TRUST.value else [])]


def own_command() -> list[str]:
    """This sweep, for one of its tasks."""
    file, overrides = config_flag.given()
    sweep = [f'--sweep={SWEEP.value}'] if SWEEP.value is not None else []
    return [sys.executable, '-m', 'launch.sweep', f'--config={file}', *overrides,
            *_passed_on(), *sweep, f'--workdir={WORKDIR.value}']


def run_task(found: Sequence[tuple[Command, Settings]], task: int) -> None:
    """Become the search of one point."""
    if not 0 <= task < len(found):
        cli.fail(f'--task={task}: no such point; allowed: 0 to {len(found) - 1}')
    command = found[task][0]
    tables.line(tables.console(), f'point {task}: {command.name}')
    sys.stdout.flush()
    os.execv(command.argv[0], command.argv)


def main(argv: list[str]) -> None:
    from launch import sweep_run
    from sparse_jax.study import files
    from sparse_jax.sweep import results

    del argv
    # Before the points are read: it is what this command line has given.
    own = own_command()
    found = commands_of(points_of())
    if TASK.value is not None:
        run_task(found, TASK.value)
        return
    if EXECUTOR.value != 'print':
        cli.check_folder('workdir', WORKDIR.value)
    left = [command for command, settings in found
            if not results.is_done(command, settings)]
    if EXECUTOR.value == 'print':
        for command in left:
            print(command.text)
        return
    if EXECUTOR.value == 'slurm' and left:
        sweep_elsewhere.submit(ELSEWHERE, own, left, WORKDIR.value)
        return
    failed: set[str] = set()
    if EXECUTOR.value == 'ray' and left:
        failed = sweep_elsewhere.run_on_ray(ELSEWHERE, left, WORKDIR.value)
    if EXECUTOR.value == 'local':
        failed = sweep_run.run(found)
    reached = [results.result_of(command, settings, failed=command.name in failed)
               for command, settings in found]
    workdir = pathlib.Path(WORKDIR.value)
    workdir.mkdir(parents=True, exist_ok=True)
    files.write(workdir / CSV, results.csv_text(reached))
    sweep_run.say(reached, results.objectives_of(found[0][1]))
    tables.line(tables.console(), f'written: {workdir}/{CSV}')
    failed = {one.command.name for one in reached if one.state == results.FAILED}
    if failed:
        cli.fail(f'{len(failed)} of {len(found)} points failed: '
                 f'{", ".join(sorted(failed))}', 1)


if __name__ == '__main__':
    cli.run(main, FLAGS)
