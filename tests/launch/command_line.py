"""Runs a launcher in this process as its command line would."""

from typing import NamedTuple

from launch import cli, describe, report, search, verify

LAUNCHERS = {'search': search, 'report': report, 'describe': describe,
             'verify': verify}


class Result(NamedTuple):
    """What a person saw."""

    code: int
    out: str
    err: str


def call(name: str, *arguments: str) -> None:
    """`python -m launch.NAME ARGUMENTS`, without the compile cache of a person."""
    launcher = LAUNCHERS[name]
    _forget(launcher.FLAGS)
    argv = [f'launch.{name}', '--cache_dir=', *arguments]
    cli.run(launcher.main, launcher.FLAGS, argv)


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
