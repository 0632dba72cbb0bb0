"""What launchers import before they run: nothing that takes seconds."""

import subprocess
import sys

import pytest

from launch import export
from launch.__main__ import COMMANDS
from sparse_jax.quantize import METHODS
from tests.launch.command_line import ENVIRONMENT, ROOT

_TEXT = '''
import sys
from launch import cli, {name}
cli.run({name}.main, {name}.FLAGS, ['{name}', '--help'])
print(sorted({{'jax', 'flax', 'optax', 'gpjax', 'scipy', 'orbax'}} & set(sys.modules)))
'''


@pytest.mark.parametrize('name', COMMANDS)
def test_help_needs_no_jax(name):
    done = subprocess.run(
        [sys.executable, '-c', _TEXT.format(name=name)], cwd=ROOT, env=ENVIRONMENT,
        capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    assert 'Flags:' in lines and lines[-1] == '[]'


def test_the_flag_of_export_names_all_methods():
    parser = export.FLAGS['method'].parser
    assert tuple(vars(parser)['enum_values']) == METHODS
