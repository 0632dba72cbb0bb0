"""Runs a launcher as its command line would, in this process or one of its own."""

import importlib
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

from absl import flags

from launch import cli
from launch.__main__ import COMMANDS
from tests import tiny_study

LAUNCHERS = {name: importlib.import_module(f'launch.{name}') for name in COMMANDS}

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = dict(os.environ)


class Result(NamedTuple):
    """What a person saw."""

    code: int
    out: str
    err: str


def call(name: str, *arguments: str) -> None:
    """`python -m launch.NAME ARGUMENTS`, without the compile cache of a person."""
    launcher = LAUNCHERS[name]
    _forget(launcher.FLAGS)
    cache = ['--cache_dir='] if 'cache_dir' in launcher.FLAGS else []
    argv = [f'launch.{name}', *cache, *arguments]
    cli.run(launcher.main, launcher.FLAGS, argv)


def parse(name: str, *arguments: str) -> flags.FlagValues:
    """The flags of `python -m launch.NAME ARGUMENTS`, of which nothing is done."""
    values = LAUNCHERS[name].FLAGS
    _forget(values)
    cache = ['--cache_dir='] if 'cache_dir' in values else []
    cli.run(lambda _: None, values, [f'launch.{name}', *cache, *arguments])
    return values


def run(capsys, name: str, *arguments: str) -> Result:
    """`call`, and what it printed."""
    capsys.readouterr()
    code = 0
    try:
        call(name, *arguments)
    except SystemExit as stop:
        code = stop.code
    seen = capsys.readouterr()
    return Result(code, seen.out, seen.err)


def _forget(values):
    """Flags as they were before they were parsed: a process does so only once."""
    for name in list(values):
        if name.startswith('config.'):
            delattr(values, name)
        else:
            values[name].unparse()
    values.unparse_flags()


def contents(folder) -> dict:
    """{path: bytes} of all files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def start_search(workdir, cache, settings: dict, *more: str) -> subprocess.Popen:
    """`python -m launch.search` on the tiny images, as a process of its own."""
    data = {'data.name': 'tiny', 'data.path': str(tiny_study.data_file()),
            'data.validation_size': 60, 'data.test_size': 60}
    return subprocess.Popen(
        [sys.executable, '-m', 'launch.search', '--config=experiments/digits.py',
         f'--workdir={workdir}', f'--cache_dir={cache}', *more,
         *(f'--config.{name}={value}' for name, value in (data | settings).items())],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(*processes: subprocess.Popen) -> None:
    """Wait until all have ended well; none is left behind."""
    try:
        for process in processes:
            _, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
