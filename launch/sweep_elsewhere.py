"""The points of a sweep on other machines: a Slurm array, or tasks of a Ray cluster."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from launch import cli, interrupts, machines, tables

if TYPE_CHECKING:
    from sparse_jax.sweep.commands import Command

SCRIPT = 'slurm.sh'


class Flags(NamedTuple):
    """Of a sweep that runs elsewhere."""

    slurm: flags.FlagHolder
    setup: flags.FlagHolder
    at_once: flags.FlagHolder
    ray: machines.Ray


def define(values: flags.FlagValues) -> Flags:
    """Define the flags of --executor=slurm and --executor=ray."""
    return Flags(
        flags.DEFINE_string(
            'slurm', '', "Options of sbatch, as in '--partition=gpu --gres=gpu:1 "
            "--time=4:00:00'.", flag_values=values),
        flags.DEFINE_string(
            'slurm_setup', '', "Shell commands before every task, as in 'module load "
            "python'.", flag_values=values),
        flags.DEFINE_integer(
            'at_once', 0, 'The most tasks of a Slurm array at the same time; 0 for any '
            'number.', 0, flag_values=values),
        machines.define_ray(values))


def submit(
    given: Flags, command: Sequence[str], points: Sequence[Command], workdir: str
) -> None:
    """Write the script of a Slurm array, and submit it where sbatch is.

    command: what a task runs, but for its number.
    """
    from sparse_jax.study import files
    from sparse_jax.sweep import slurm

    text = slurm.script(
        command, workdir, [point.task for point in points], folder=os.getcwd(),
        asked=slurm.options(given.slurm.value), setup=given.setup.value,
        at_once=given.at_once.value)
    path = pathlib.Path(workdir) / SCRIPT
    # Slurm makes no folders: a task without one for its log fails in silence.
    slurm.log_folder(pathlib.Path(workdir)).mkdir(parents=True, exist_ok=True)
    files.write(path, text)
    say = lambda line: tables.line(tables.console(), line)
    say(f'written: {path}, an array of {len(points)} tasks')
    if shutil.which('sbatch') is None:
        say(f'there is no sbatch here; on a node of the cluster: sbatch {path}')
        return
    done = subprocess.run(['sbatch', '--parsable', str(path)], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        cli.fail(f'sbatch: {done.stderr.strip() or f"exit code {done.returncode}"}', 1)
    say(f'submitted: job {done.stdout.strip()}; logs in '
        f'{slurm.log_folder(pathlib.Path(workdir))}; --executor=none gathers')


def run_on_ray(given: Flags, points: Sequence[Command], workdir: str) -> set[str]:
    """Run the searches as tasks of a cluster; names of those that failed."""
    from sparse_jax.evaluation.cluster import tasks

    device, cpus = machines.worker_of(given.ray)
    # A search would use all cores of its node.
    workers = () if device == 'gpu' else (f'--config.runtime.workers={cpus or 1}',)
    logs = pathlib.Path(workdir).absolute() / 'logs'
    planned = [tasks.Task((*_with(point.argv, workers),), os.getcwd(),
                          str(logs / f'{point.name}.txt')) for point in points]
    console, failed = tables.console(), set()
    tables.line(console, f'{len(points)} points; logs in {logs}')
    machines.connect_ray(given.ray)
    with interrupts.hint('the same command continues'):
        ended = tasks.run(
            planned, address=given.ray.address.value, device=device, cpus=cpus)
        for number, (task, code) in enumerate(ended, 1):
            name = points[task].name
            how = 'finished' if code == 0 else (
                'lost with its nodes' if code is None
                else f'failed with exit code {code}')
            tables.line(console, f'{number}/{len(points)} {name}: {how}')
            if code != 0:
                failed.add(name)
    return failed


def _with(argv: Sequence[str], more: Sequence[str]) -> list[str]:
    """A command with settings that it does not have yet."""
    names = {word.partition('=')[0] for word in argv}
    return [*argv, *(word for word in more if word.partition('=')[0] not in names)]
