"""A search killed by the operating system continues to what it would have found."""

import signal
import subprocess
import sys
import time

import pytest

from sparse_jax.search.study import Study
from tests import tiny_study

pytestmark = pytest.mark.slow
SETTINGS = {
    'search.algorithm': 'sparse', 'search.rounds': 3, 'search.batch': 2,
    'search.initial': 2, 'search.initial_groups': 1, 'train.epochs': 6,
    'train.batch_size': 32, 'data.name': 'tiny', 'data.validation_size': 60,
    'data.test_size': 60, 'limits.max_macs': 200_000}


def _start(workdir, cache):
    settings = SETTINGS | {'data.path': str(tiny_study.data_file())}
    return subprocess.Popen(
        [sys.executable, '-m', 'launch.search', '--config=experiments/digits.py',
         f'--workdir={workdir}', f'--cache_dir={cache}',
         *(f'--config.{name}={value}' for name, value in settings.items())],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _finish(process):
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors


def _comparable(workdir):
    study = Study(workdir, create=False)
    rows = [tiny_study.comparable(row) for row in study.networks()]
    weights = {row.trial.number: study.weights(row.trial.number)
               for row in study.rows()}
    study.close()
    return rows, weights


def _finished_trials(workdir):
    try:
        study = Study(workdir, create=False)
    except ValueError:
        return 0
    count = sum(row.status != 'pending' for row in study.rows())
    study.close()
    return count


def test_a_killed_search_continues_as_if_nothing_had_happened(tmp_path):
    _finish(_start(tmp_path / 'whole', tmp_path / 'cache'))
    process = _start(tmp_path / 'killed', tmp_path / 'cache')
    deadline = time.monotonic() + 300
    while _finished_trials(tmp_path / 'killed') < 3 and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 3 <= _finished_trials(tmp_path / 'killed') < 6
    _finish(_start(tmp_path / 'killed', tmp_path / 'cache'))
    (rows, weights), (again, other) = map(
        _comparable, (tmp_path / 'whole', tmp_path / 'killed'))
    assert len({row.trial.number for row in rows}) == 6 and rows == again
    for number, kept in weights.items():
        assert (kept is None) == (other[number] is None)
        assert kept is None or tiny_study.same_weights(kept, other[number])
