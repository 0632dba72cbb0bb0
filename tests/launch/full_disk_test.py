"""A disk that takes no more ends a search with one line; later it continues.

Stands for it: the shell's limit on the size of a file.
"""

import subprocess
import sys

import pytest

from sparse_jax.study.records import Study
from tests import tiny_study
from tests.launch import command_line

pytestmark = pytest.mark.slow
SETTINGS = (
    '--config.data.name=synthetic', '--config.train.epochs=2',
    '--config.search.rounds=2', '--config.search.batch=2', '--config.search.initial=4',
    '--config.search.algorithm=random', '--config.pruning.cuts=()',
    '--config.space.restrict=*-branch=false, num-conv-blocks=1, '
    'num-conv-layers-block-1=1, layer-type-*=Conv2D, kernel-size-*=3, '
    'num-filters-*=2:4, num-fc-layers=0, batch-norm=false, downsample-*=false, '
    'pool-*=false')


def _search(folder, limit=None):
    words = [sys.executable, '-m', 'launch.search', f'--workdir={folder}/run',
             f'--cache_dir={folder}/cache', *SETTINGS]
    if limit:
        words = ['bash', '-c', f'ulimit -f {limit}; exec "$@"', 'bash', *words]
    return subprocess.run(words, capture_output=True, text=True, timeout=600,
                          cwd=command_line.ROOT, check=False)


def _comparable(workdir):
    study = Study(workdir, create=False)
    rows = [tiny_study.comparable(row) for row in study.networks()]
    study.close()
    return rows


def test_one_line_and_the_same_study_afterwards(tmp_path):
    whole = _search(tmp_path / 'whole')
    assert whole.returncode == 0, whole.stderr
    size = (tmp_path / 'whole' / 'run' / 'study.sqlite').stat().st_size // 1024
    for limit in (size // 2, size - 4):
        full = _search(tmp_path / 'full', limit)
        assert full.returncode == 2, full.stderr
        lines = full.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith('error: '), full.stderr
    done = _search(tmp_path / 'full')
    assert done.returncode == 0, done.stderr
    assert _comparable(tmp_path / 'full' / 'run') == _comparable(
        tmp_path / 'whole' / 'run')
