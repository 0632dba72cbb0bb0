"""experiments.paper.competitors: published figures beside rows run here."""

import subprocess
import sys

import pytest

from experiments.paper import competitors
from sparse_jax.baselines import rows
from tests.launch.command_line import ENVIRONMENT, ROOT

ROW = rows.Row('knn', 'mnist_binary 0-4/5-9', 2, 'abc', 'def', 0.9, 0.9123, 4096, 1024,
               1024, 3, 1.5, {'neighbours': 3}, {'seed': 7})


def _run(*words):
    return subprocess.run(
        [sys.executable, '-m', 'experiments.paper.competitors', *words], cwd=ROOT,
        env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


def test_a_row_stands_beside_its_set():
    text = competitors.table('mnist-2', [ROW])
    assert '| kNN | 96.90 | 183,750.00 | 47,040,000 | Kumar' in text
    assert text.splitlines()[-1] == (
        '| kNN | 91.23 | 4.00 | 1,024 | run here on mnist_binary 0-4/5-9, seed 7, '
        'best of 3 |')
    assert 'run here' not in competitors.table('mnist-10', [ROW])


@pytest.mark.slow
def test_the_command(tmp_path):
    rows.write(tmp_path, [ROW])
    found = _run(str(tmp_path), '--set=curet-61')
    assert found.returncode == 0 and found.stdout.count('###') == 2, found.stderr
    for words in ([], [str(tmp_path / 'none')]):
        found = _run(*words)
        assert found.returncode == 2 and found.stderr.count('\n') == 1
        assert found.stderr.startswith('error: ') and not found.stdout
