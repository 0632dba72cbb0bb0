"""The README's program runs as it is printed."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.slow
def test_the_program_of_the_readme(tmp_path):
    text = (ROOT / 'README.md').read_text()
    program, = re.findall(r'```python\n(.*?)```', text, re.S)
    program = program.replace('runs/own', str(tmp_path / 'own'))
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, text=True,
                          capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    *front, nodes, measured = done.stdout.splitlines()
    assert 'classifier' in nodes and front
    for line in front:
        _, error, size, memory = line.split()
        assert 0 <= float(error) <= 1 and int(size) > 0 and int(memory) > 0
    instructions, flash = map(float, measured.split())
    assert instructions > 100 and flash > 100


def test_files_that_the_readme_links_exist():
    for link in re.findall(r'\]\(([^)#]+)\)', (ROOT / 'README.md').read_text()):
        assert (ROOT / link).is_file(), link
