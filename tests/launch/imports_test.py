"""What launchers import before they run: nothing that takes seconds."""

import subprocess
import sys

from launch import export
from launch.__main__ import COMMANDS
from sparse_jax.quantize import METHODS
from tests.launch.command_line import ENVIRONMENT, ROOT

_TEXT = '''
import importlib, sys
from launch import cli
from launch.__main__ import COMMANDS
for name in COMMANDS:
    launcher = importlib.import_module(f'launch.{name}')
    cli.run(launcher.main, launcher.FLAGS, [name, '--help'])
    heavy = {'jax', 'flax', 'optax', 'gpjax', 'scipy', 'orbax'} & set(sys.modules)
    print('imported:', name, sorted(heavy))
'''


def test_help_needs_no_jax():
    done = subprocess.run(
        [sys.executable, '-c', _TEXT], cwd=ROOT, env=ENVIRONMENT,
        capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    assert lines.count('Flags:') == len(COMMANDS)
    assert [line for line in lines if line.startswith('imported: ')] == [
        f'imported: {name} []' for name in COMMANDS]


_FIRST = '''
import sys
from launch import cli, search
said = search.first_line
heavy = lambda: sorted({'jax', 'flax'} & set(sys.modules))
search.first_line = lambda: sys.exit(f'{said()} {heavy()}')
cli.run(search.main, search.FLAGS, ['search', '--workdir=/tmp/none'])
'''


def test_the_first_line_of_a_search_does_not_wait_for_jax():
    done = subprocess.run(
        [sys.executable, '-c', _FIRST], cwd=ROOT, env=ENVIRONMENT,
        capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ("search in '/tmp/none': digits, at most 5 rounds of 8; "
                           'loading []\n')


def test_the_flag_of_export_names_all_methods():
    parser = export.FLAGS['method'].parser
    assert tuple(vars(parser)['enum_values']) == METHODS
