"""The script of a Slurm array: its text, and what bash makes of it."""

import os
import signal
import subprocess
import sys

import pytest

from sparse_jax.settings.errors import ConfigError
from sparse_jax.sweep import slurm


@pytest.mark.parametrize('tasks,at_once,text', [
    ([0], 0, '0'), ([0, 1, 2, 3], 0, '0-3'), ([5, 0, 1, 2, 7, 8], 0, '0-2,5,7-8'),
    ([0, 1], 4, '0-1%4')])
def test_numbers_of_tasks(tasks, at_once, text):
    assert slurm.array(tasks, at_once) == text


@pytest.mark.parametrize('text,found', [
    ('', []), ('--partition=gpu --time=4:00:00', ['--partition=gpu', '--time=4:00:00']),
    ('--partition gpu -c 4', ['--partition gpu', '-c 4']),
    ("--comment='two words' -N1", ['--comment=two words', '-N1']),
])
def test_options(text, found):
    assert slurm.options(text) == found


@pytest.mark.parametrize('text,match', [
    ('gpu', "'gpu' is no option"), ('--time=1:00 gpu', "'gpu' is no option"),
    ('--array=0-3', '--array is set by the sweep'), ('-a 3', '--array is set'),
    ('-J=x', '--job-name is set'), ("--x='", 'quotes in pairs'),
    ("--x='a\nb'", 'a line break')])
def test_options_that_are_refused(text, match):
    with pytest.raises(ConfigError, match=match):
        slurm.options(text)


def _script(folder, command, **more):
    path = folder / 'slurm.sh'
    path.write_text(slurm.script(command, folder / 'my sweep', [0, 1, 2],
                                 folder=str(folder), **more))
    return path


def test_the_options_of_the_script(tmp_path):
    text = _script(tmp_path, ['python'], asked=['--time=1:00'], at_once=2).read_text()
    lines = [line for line in text.splitlines() if line.startswith('#')]
    assert lines[:8] == [
        '#!/bin/bash', "#SBATCH --job-name='my sweep'", '#SBATCH --array=0-2%2',
        f"#SBATCH --output='{tmp_path}/my sweep/logs/task_%a.txt'",
        '#SBATCH --open-mode=append', '#SBATCH --requeue',
        '#SBATCH --signal=B:USR1@120', '#SBATCH --time=1:00']


def _start(path, task=1, tools=None):
    search = os.environ['PATH'] if tools is None else f'{tools}:{os.environ["PATH"]}'
    return subprocess.Popen(
        ['bash', str(path)], stdout=subprocess.PIPE, text=True, cwd='/',
        env=os.environ | {'SLURM_ARRAY_JOB_ID': '7', 'SLURM_ARRAY_TASK_ID': str(task),
                          'PATH': search})


@pytest.mark.parametrize('code', [0, 2, 143])
def test_a_task_is_the_command_with_its_number(tmp_path, code):
    program = f'import os, sys; print(os.getcwd(), sys.argv[1:]); sys.exit({code})'
    path = _script(tmp_path, [sys.executable, '-c', program, 'a b'],
                   setup='echo ready')
    process = _start(path)
    out, _ = process.communicate(timeout=60)
    assert out == f"ready\n{tmp_path} ['a b', '--task=1']\n"
    assert process.returncode == code


def _waiting(tmp_path):
    """A task whose search waits for SIGTERM, and ends as searches do."""
    program = ('import os, signal, time\n'
               'def end(*_):\n'
               # The signal may come within the print below.
               '    time.sleep(0.3); os.write(1, b"stopped\\n"); os._exit(143)\n'
               'signal.signal(signal.SIGTERM, end)\n'
               'print("started", flush=True); time.sleep(60)')
    tools = tmp_path / 'tools'
    tools.mkdir()
    (tools / 'scontrol').write_text('#!/bin/sh\necho scontrol "$@"\n')
    (tools / 'scontrol').chmod(0o755)
    process = _start(_script(tmp_path, [sys.executable, '-c', program]), 2, tools)
    assert process.stdout.readline() == 'started\n'
    return process


def test_a_task_whose_time_is_up_is_queued_again(tmp_path):
    process = _waiting(tmp_path)
    process.send_signal(signal.SIGUSR1)
    out, _ = process.communicate(timeout=60)
    assert out == 'stopped\nscontrol requeue 7_2\n' and process.returncode == 0


def test_a_task_that_is_cancelled_is_not(tmp_path):
    process = _waiting(tmp_path)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert out == 'stopped\n' and process.returncode == 143
