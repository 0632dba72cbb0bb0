"""A sweep as a Slurm array: one script, one task per point; pure.

Slurm starts a task again after it has pre-empted it or lost its node. Before a task's
time is up the script stops the search and puts the task back into the queue itself. A
search goes on where it was stopped, so that nothing but the round at hand is lost.
"""

import os
import pathlib
import shlex
from collections.abc import Sequence

from sparse_jax.settings.errors import ConfigError

OWN = ('--array', '--job-name', '--output', '--open-mode', '--requeue', '--signal')
"""Options that the script sets itself."""
_SHORT = {'-a': '--array', '-J': '--job-name', '-o': '--output'}
NOTICE = 120
"""Seconds before the end of its time at which a task is told."""

_SCRIPT = '''\
#!/bin/bash
{options}

# The time is nearly up: the search stops, the task goes back into the queue.
again() {{
    kill -TERM "$search"
    wait "$search"
    exec scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
}}
trap again USR1
trap 'kill -TERM "$search"' TERM

cd {folder} || exit 1
{setup}{command} --task="$SLURM_ARRAY_TASK_ID" &
search=$!
wait "$search"
code=$?
# A signal ends this wait; the search says how it ended itself.
while kill -0 "$search" 2>/dev/null; do
    wait "$search"
    code=$?
done
exit "$code"
'''


def options(text: str) -> list[str]:
    """Options of sbatch, as a person lists them.

    Args:
      text: such as '--partition=gpu --time 4:00:00'.

    Raises:
      ConfigError: no options, or such as the script sets itself.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f'--slurm={text!r:.80}: {error}; allowed: quotes in pairs'
                          ) from None
    found: list[str] = []
    for word in words:
        if word.startswith('-'):
            found.append(word)
        elif found and '=' not in found[-1] and ' ' not in found[-1]:
            found[-1] = f'{found[-1]} {shlex.quote(word)}'
        else:
            raise ConfigError(f'--slurm={text!r:.80}: {word!r:.40} is no option; '
                              "allowed: as in '--partition=gpu --time=4:00:00'")
    for option in found:
        name = option.partition('=')[0].partition(' ')[0]
        name = _SHORT.get(name[:2], name) if not name.startswith('--') else name
        if name in OWN:
            raise ConfigError(f'--slurm={text!r:.80}: {name} is set by the sweep; '
                              'allowed: other options of sbatch')
        if '\n' in option:
            raise ConfigError(f'--slurm={text!r:.80}: a line break; allowed: options '
                              'in one line')
    return found


def array(tasks: Sequence[int], at_once: int = 0) -> str:
    """Task numbers as Slurm writes them: [0, 1, 2, 5] -> '0-2,5'.

    at_once: the most that run at the same time, 0 for any number.
    """
    runs: list[list[int]] = []
    for task in sorted(tasks):
        if runs and task == runs[-1][1] + 1:
            runs[-1][1] = task
        else:
            runs.append([task, task])
    text = ','.join(str(a) if a == b else f'{a}-{b}' for a, b in runs)
    return text + (f'%{at_once}' if at_once else '')


def script(
    command: Sequence[str], workdir: str | os.PathLike[str], tasks: Sequence[int], *,
    folder: str, asked: Sequence[str] = (), setup: str = '', at_once: int = 0,
) -> str:
    """The script of an array.

    Args:
      command: what a task runs, together with --task=NUMBER.
      workdir: of the sweep; logs go to its folder `logs`.
      tasks: numbers of the points.
      folder: where the command is to be started.
      asked: further options, see `options`.
      setup: lines of shell that come before the command.
      at_once: the most tasks at the same time, 0 for any number.
    """
    work = pathlib.Path(workdir)
    log = str(log_folder(work) / 'task_%a.txt')
    lines = [
        f'--job-name={shlex.quote(work.name or "sweep")}',
        f'--array={array(tasks, at_once)}', f'--output={shlex.quote(log)}',
        '--open-mode=append', '--requeue', f'--signal=B:USR1@{NOTICE}', *asked]
    return _SCRIPT.format(
        options='\n'.join(f'#SBATCH {line}' for line in lines),
        folder=shlex.quote(folder), setup=f'{setup}\n' if setup else '',
        command=shlex.join(command))


def log_folder(workdir: pathlib.Path) -> pathlib.Path:
    """Where the tasks of a sweep write what they say."""
    return workdir.absolute() / 'logs'
