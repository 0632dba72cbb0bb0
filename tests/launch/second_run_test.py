"""A second run of the same search traces no training and compiles nothing."""

import contextlib
import os
import subprocess
import sys

import pytest

from sparse_jax.study.records import Study
from tests import tiny_study

PROGRAM = '''
import collections, sys
import jax
events = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: events.update([event]))
from launch import cli, search
cli.run(search.main, search.FLAGS, ['search', *sys.argv[1:]])
asked = events['/jax/compilation_cache/compile_requests_use_cache']
print(asked, events['/jax/compilation_cache/cache_hits'],
      events['/sparse_jax/lowered/traced'], events['/sparse_jax/lowered/read'])
'''
SETTINGS = {
    'data.name': 'tiny', 'data.path': str(tiny_study.data_file()),
    'data.validation_size': 60, 'data.test_size': 60, 'train.epochs': 1,
    'search.rounds': 2, 'search.batch': 2, 'search.initial': 2,
    'search.initial_groups': 1, 'search.max_groups': 1, 'limits.max_macs': 20_000}


def _search(folder, cache):
    """(programs that were asked for, those found in the cache, those of trainings that
    were traced, those that were not) of one process."""
    flags = [f'--config.{name}={value}' for name, value in SETTINGS.items()]
    found = subprocess.run(
        [sys.executable, '-c', PROGRAM, '--config=experiments/digits.py',
         f'--workdir={folder}', f'--cache_dir={cache}', *flags],
        # What is compiled in a cheaper way is found as well.
        env=os.environ | {'XLA_FLAGS': '--xla_cpu_use_fusion_emitters=false'},
        capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    return tuple(map(int, found.stdout.splitlines()[-1].split()))


def _trials(folder):
    with contextlib.closing(Study(folder)) as study:
        return {row.trial.number: row._replace(train_seconds=0.0)
                for row in study.rows()}


@pytest.mark.slow
def test_a_second_run_compiles_nothing(tmp_path):
    asked, hits, traced, read = _search(tmp_path / 'first', tmp_path / 'cache')
    assert asked > hits and traced and not read
    again = _search(tmp_path / 'again', tmp_path / 'cache')
    assert again == (asked, asked, 0, traced)
    first, second = (_trials(tmp_path / name) for name in ('first', 'again'))
    assert first.keys() == second.keys()
    for number, row in first.items():
        assert repr(row) == repr(second[number])
