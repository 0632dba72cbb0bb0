"""From a searched study to a verified board with one command each."""

import json
import os
import pathlib
import subprocess
import sys
from importlib.util import find_spec

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (find_spec('ziglang') and find_spec('unicorn')),
                       reason='needs requirements-mcu.txt')]


def _launch(program, *arguments):
    return subprocess.run(
        [sys.executable, '-m', f'launch.{program}', *arguments], cwd=ROOT, text=True,
        capture_output=True, env=os.environ | {'JAX_PLATFORMS': 'cpu'})


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp('study') / 'digits'
    done = _launch('search', '--config=experiments/digits.py', f'--workdir={folder}',
                   '--config.search.rounds=1')
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_export_verifies_the_whole_test_set(workdir, tmp_path):
    out = tmp_path / 'out'
    done = _launch('export', f'--workdir={workdir}', '--trial=4', f'--out={out}')
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((out / 'report.json').read_text())
    result = report['verification']
    assert result['logits'] == 'bit-equal'
    assert result['images'] == result['test_set'] == report['accuracy']['test_images']
    # No test label is looked at.
    assert report['accuracy']['int8'] is None and result['accuracy'] is None
    assert 'validation accuracy' in done.stdout
    again = _launch('verify', f'--out={out}')
    assert again.returncode == 0 and again.stdout in done.stdout


@pytest.mark.parametrize('arguments, words', [
    (('--trial=999',), 'no such trial; allowed: best, '),
    (('--trial=4', '--board=z80'), 'unknown board'),
])
def test_bad_input_is_one_line(workdir, tmp_path, arguments, words):
    done = _launch('export', f'--workdir={workdir}', f'--out={tmp_path}', *arguments)
    assert done.returncode == 2
    assert words in done.stderr and done.stderr.strip().count('\n') == 0


def test_foreign_workdir_is_one_line(tmp_path):
    done = _launch('export', f'--workdir={tmp_path}', f'--out={tmp_path / "out"}')
    assert done.returncode == 2 and done.stderr.strip().count('\n') == 0
