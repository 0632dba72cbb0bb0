"""launch.sweep --executor=slurm: with a stand-in for sbatch; what it submits is run."""

import os
import subprocess
import sys

import pytest

from tests import tiny_study
from tests.launch import command_line

SWEEP = 'config.seed=0:3'


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """Makes a program of this name, the only one of the path."""
    tools = tmp_path / 'tools'
    tools.mkdir()
    monkeypatch.setenv('PATH', str(tools))

    def make(text):
        (tools / 'sbatch').write_text(f'#!/bin/sh\n{text}\n')
        (tools / 'sbatch').chmod(0o755)
        return tools

    return make


def _flags(workdir, **changes):
    settings = tiny_study.overrides() | changes
    return [f'--workdir={workdir}', f'--sweep={SWEEP}', *(
        f'--config.{name}={value}' for name, value in settings.items())]


def _submit(capsys, workdir, *more):
    return command_line.run(
        capsys, 'sweep', '--executor=slurm', *_flags(workdir), *more)


def test_an_array_is_submitted(tmp_path, capsys, sbatch):
    tools = sbatch(f'echo "$@" > {tmp_path}/arguments\necho 4711')
    work = tmp_path / 'my sweep'
    found = _submit(capsys, work, '--slurm=--partition=gpu --time=4:00:00',
                    '--slurm_setup=module load python', '--at_once=2')
    assert (found.code, found.err) == (0, '')
    assert found.out.splitlines() == [
        f'written: {work}/slurm.sh, an array of 3 tasks',
        f'submitted: job 4711; logs in {work}/logs; --executor=none gathers']
    assert (tmp_path / 'arguments').read_text() == f'--parsable {work}/slurm.sh\n'
    assert (work / 'logs').is_dir() and tools.is_dir()
    text = (work / 'slurm.sh').read_text()
    for line in ('#SBATCH --array=0-2%2', '#SBATCH --time=4:00:00',
                 'module load python', f'cd {os.getcwd()} || exit 1'):
        assert line in text.splitlines()
    assert '--config.seed' not in text
    assert f'{sys.executable} -m launch.sweep --config=' in text
    assert f"'--workdir={work}' --task=\"$SLURM_ARRAY_TASK_ID\" &" in text


def test_a_script_without_sbatch(tmp_path, capsys, sbatch):
    del sbatch
    found = _submit(capsys, tmp_path / 'new')
    assert (found.code, found.err) == (0, '')
    assert found.out.splitlines()[-1] == (
        'there is no sbatch here; on a node of the cluster: sbatch '
        f'{tmp_path}/new/slurm.sh')


@pytest.mark.parametrize('more,code,words', [
    ((), 1, 'error: sbatch: invalid partition'),
    (('--slurm=gpu',), 2, "error: --slurm='gpu': 'gpu' is no option"),
    (('--at_once=-1',), 2, 'at_once'),
])
def test_what_is_refused(more, code, words, tmp_path, capsys, sbatch):
    sbatch('echo invalid partition >&2; exit 1')
    found = _submit(capsys, tmp_path / 'new', *more)
    assert found.code == code and words in found.err
    assert found.err.count('\n') == 1


@pytest.mark.slow
def test_tasks_of_the_script_are_searches(tmp_path):
    more = {'search.rounds': 1, 'search.initial': 2, 'search.max_groups': 1,
            'search.initial_groups': 1, 'limits.max_macs': 20_000, 'train.epochs': 1}
    work = tmp_path / 'runs'
    sweep = [sys.executable, '-m', 'launch.sweep', f'--cache_dir={tmp_path}/cache',
             *_flags(work, **more)]

    def run(*argv, **variables):
        done = subprocess.run(
            argv, cwd=command_line.ROOT, text=True, capture_output=True, timeout=600,
            env=os.environ | variables, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(*sweep, '--executor=slurm')
    for task in (0, 2):
        run('bash', str(work / 'slurm.sh'), SLURM_ARRAY_TASK_ID=str(task),
            SLURM_ARRAY_JOB_ID='7')
    run(*sweep, '--executor=none')
    lines = (work / 'sweep.csv').read_text().splitlines()
    assert [line.count('finished') for line in lines[1:]] == [1, 0, 1]
    run(*sweep, '--executor=slurm')
    assert '#SBATCH --array=1\n' in (work / 'slurm.sh').read_text()
    # The last one on a Ray cluster of this machine.
    pytest.importorskip('ray', reason="needs pip install 'sparse_jax[ray]'")
    out = run(*sweep, '--executor=ray', '--ray_worker=cpu:1')
    assert '1/1 seed=1: finished' in out.splitlines()
    assert (work / 'sweep.csv').read_text().count('finished') == 3
    assert 'candidates' in (work / 'logs' / 'seed=1.txt').read_text()
