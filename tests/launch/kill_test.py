"""A search killed by the operating system continues to what it would have found."""

import contextlib
import signal
import sqlite3
import time

import pytest

from sparse_jax.study.records import Study
from tests import tiny_study
from tests.launch.command_line import finish, start_search

pytestmark = pytest.mark.slow
SETTINGS = {
    'search.algorithm': 'sparse', 'search.rounds': 3, 'search.batch': 2,
    'search.initial': 2, 'search.initial_groups': 1, 'train.epochs': 6,
    'train.batch_size': 32, 'limits.max_macs': 200_000}


def _comparable(workdir):
    study = Study(workdir, create=False)
    rows = [tiny_study.comparable(row) for row in study.networks()]
    weights = {row.trial.number: study.weights(row.trial.number)
               for row in study.rows()}
    study.close()
    return rows, weights


def _has_suggested(workdir):
    try:
        with contextlib.closing(Study(workdir, create=False)) as study:
            return bool(study.rows())
    except (ValueError, sqlite3.Error):
        return False


def _finished_trials(workdir):
    try:
        study = Study(workdir, create=False)
    except ValueError:
        return 0
    count = sum(row.status != 'pending' for row in study.rows())
    study.close()
    return count


def test_an_interrupted_search_ends_at_once(tmp_path):
    """Though a program compiles, which nothing can cut short."""
    process = start_search(tmp_path / 'run', '', SETTINGS)
    try:
        deadline = time.monotonic() + 300
        while not _has_suggested(tmp_path / 'run') and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert errors.startswith('error: stopped; the same command continues from')
    assert errors.count('\n') == 1 and _finished_trials(tmp_path / 'run') == 0


def test_a_killed_search_continues_as_if_nothing_had_happened(tmp_path):
    finish(start_search(tmp_path / 'whole', tmp_path / 'cache', SETTINGS))
    process = start_search(tmp_path / 'killed', tmp_path / 'cache', SETTINGS)
    deadline = time.monotonic() + 300
    while _finished_trials(tmp_path / 'killed') < 3 and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 3 <= _finished_trials(tmp_path / 'killed') < 6
    finish(start_search(tmp_path / 'killed', tmp_path / 'cache', SETTINGS))
    (rows, weights), (again, other) = map(
        _comparable, (tmp_path / 'whole', tmp_path / 'killed'))
    assert len({row.trial.number for row in rows}) == 6 and rows == again
    for number, kept in weights.items():
        assert (kept is None) == (other[number] is None)
        assert kept is None or tiny_study.same_weights(kept, other[number])
