"""The tutorial runs as it is printed; a small version of it in the default tests."""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec

import pytest

import sparse_jax
from tests import tiny_study
from tests.docs.pages import ROOT, blocks
from tests.launch import command_line

BLOCKS = blocks('tutorial.md', 'python', 'bash')
ON_CHIP = bool(find_spec('ziglang') and find_spec('unicorn'))
SMALL = ('--config.search.rounds=1', '--config.search.batch=2',
         '--config.search.initial=2', '--config.train.epochs=6',
         '--config.search.algorithm=random', '--config.data.max_train=300',
         '--config.objectives.error=0.9')


def _command(block):
    """(launcher, its arguments) of a block with one command."""
    words = shlex.split(block.text)
    assert words[:2] == ['python', '-m'] and words[2].startswith('launch.')
    return words[2].removeprefix('launch.'), words[3:]


def test_the_page_is_a_list_of_steps():
    commands = [_command(block)[0] for block in BLOCKS if block.language == 'bash']
    assert commands == ['data', 'search', 'report', 'describe', 'export']
    assert [block.language for block in BLOCKS][::6] == ['python', 'python']


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where it runs; presets are found by their name in the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_small_version_of_it(folder, capsys):
    """Fewer and shorter trainings of one program; all else as it is printed."""
    seen = {}
    for block in BLOCKS:
        if block.language == 'python':
            exec(block.text, {})
            seen['python'] = capsys.readouterr().out
            continue
        name, words = _command(block)
        words += SMALL if name == 'search' else ()
        words += ['--noverify'] if name == 'export' and not ON_CHIP else []
        with tiny_study.small_space():
            found = command_line.run(capsys, name, *words)
        assert found.code == 0, found.err
        seen[name] = found.out
    assert 'eight' in seen['data'] and (folder / 'samples.png').is_file()
    assert 'best on validation within the soft bounds' in seen['report']
    assert 'recall %' in seen['describe'] and 'seven' in seen['describe']
    out = folder / 'runs' / 'numbers' / 'microbit'
    assert (out / 'labels.txt').read_text().split()[:2] == ['eight', 'five']
    assert not ON_CHIP or 'bit-equal on 359 of 359 test images' in seen['export']
    assert len(re.findall(r'^\w+ is taken for \w+$', seen['python'], re.M)) == 5


@pytest.mark.slow
def test_it_runs_as_it_is_printed(tmp_path):
    assert sparse_jax.__file__.startswith(str(ROOT))
    (tmp_path / 'experiments').symlink_to(ROOT / 'experiments')
    environment = os.environ | {
        'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu',
        'PATH': f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}'}
    for block in BLOCKS:
        program = ([sys.executable, '-c'] if block.language == 'python'
                   else ['sh', '-c'])
        if 'launch.export' in block.text and not ON_CHIP:
            continue
        done = subprocess.run([*program, block.text], cwd=tmp_path, env=environment,
                              text=True, capture_output=True, timeout=900)
        assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
