"""The README's program runs as it is printed."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.slow
def test_the_program_of_the_readme():
    text = (ROOT / 'README.md').read_text()
    program, = re.findall(r'```python\n(.*?)```', text, re.S)
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, text=True,
                          capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    numbers = [float(n) for n in re.findall(r'[\d.]+', done.stdout)]
    errors, sizes, memory = numbers[:4], numbers[4:8], numbers[8:]
    assert len(memory) == 4
    assert all(0 <= e <= 1 for e in errors) and all(s > 0 for s in sizes + memory)


def test_files_that_the_readme_links_exist():
    for link in re.findall(r'\]\(([^)#]+)\)', (ROOT / 'README.md').read_text()):
        assert (ROOT / link).is_file(), link
