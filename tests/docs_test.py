"""The programs of docs/library.md run as they are printed, one after the other."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

import sparse_jax

PAGE = pathlib.Path(__file__).parents[1] / 'docs' / 'library.md'
TOOLS = ('ziglang', 'unicorn', 'elftools', 'capstone')


@pytest.mark.slow
def test_the_programs_of_the_page(tmp_path):
    programs = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
    assert len(programs) == 4
    if not all(importlib.util.find_spec(tool) for tool in TOOLS):
        programs = [text for text in programs if 'sparse_jax.verify(' not in text]
    setting = f'import sys\nsys.path.insert(0, {str(PAGE.parents[1])!r})\n'
    done = subprocess.run(
        [sys.executable, '-c', setting + '\n'.join(programs)], cwd=tmp_path, text=True,
        capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert '% of the validation images in int8' in done.stdout
    assert (tmp_path / 'runs' / 'own' / 'study.sqlite').is_file()
    assert (tmp_path / 'runs' / 'own' / 'export').is_dir()


def test_the_page_names_every_public_name():
    table = PAGE.read_text().partition('## What there is')[2]
    named = re.findall(r'`(\w+)`', table)
    assert sorted(named) == sorted(sparse_jax.__all__)
