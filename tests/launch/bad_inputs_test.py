"""Every bad input: one clear line on stderr, exit code 2, nothing on disk changed."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.launch import bad_inputs, command_line
from tests.launch.bad_inputs import CASES

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp('bad')
    bad_inputs.prepare(made)
    return made


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.title)
def test_one_line_and_nothing_changed(case, folder, capsys):
    before = command_line.contents(folder)
    result = command_line.run(
        capsys, case.launcher, *bad_inputs.arguments(case, folder))
    # Before a launcher has looked at all that it was given it says what it loads.
    assert re.fullmatch(r"((search in .|train ).*; loading\n|for .*: settings .*\n)?",
                        result.out)
    assert result.code == 2
    assert result.err.startswith('error: ') and result.err.count('\n') == 1
    for word in case.words:
        assert word in result.err, result.err
    assert command_line.contents(folder) == before
    assert not (folder / 'new').exists()


def test_the_list_of_bad_inputs_is_complete():
    text = (ROOT / 'docs' / 'bad_inputs.md').read_text()
    missing = [case.title for case in CASES if f'- {case.title}: `' not in text]
    assert not missing, 'run python -m tests.launch.bad_inputs > docs/bad_inputs.md'


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_folder_of_someone_else_is_refused(tmp_path, capsys):
    tmp_path.chmod(0o500)
    try:
        result = command_line.run(capsys, 'search', f'--workdir={tmp_path}/run')
    finally:
        tmp_path.chmod(0o700)
    assert result.code == 2 and 'cannot be written' in result.err


@pytest.mark.parametrize('module, arguments, word', [
    ('search', ['--config.search.xyzzy=3', '--workdir=x'], 'search.xyzzy'),
    ('report', [], '--workdir is missing')])
def test_the_real_command_line(module, arguments, word, tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', f'launch.{module}', *arguments], cwd=tmp_path,
        env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True,
        timeout=120, check=False)
    assert done.returncode == 2 and done.stdout == ''
    assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1
    assert word in done.stderr and not list(tmp_path.iterdir())
