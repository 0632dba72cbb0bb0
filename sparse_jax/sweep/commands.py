"""Points of a sweep -> commands, one search with a folder of its own for each."""

import hashlib
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.settings.errors import ConfigError
from sparse_jax.sweep.hyper import Point

_PLAIN = re.compile(r'[A-Za-z0-9._+=,-]+')
_LONGEST = 100
"""Characters of a folder's name."""
_PREFIX = 'config.'


class Command(NamedTuple):
    """The search of one point, as a program to start."""

    task: int
    """Position in the sweep: what --task names."""
    name: str
    """Of the point and of its folder, different for every point."""
    point: Point
    workdir: pathlib.Path
    """Folder of its study."""
    argv: tuple[str, ...]
    """The program and its arguments. Exit code 0: the search has finished."""

    @property
    def text(self) -> str:
        """For a shell."""
        return shlex.join(self.argv)


def commands(
    points: Sequence[Point], folder: str | os.PathLike[str], flags: Sequence[str] = (),
    *, program: Sequence[str] = (sys.executable, '-m', 'launch.search'),
) -> list[Command]:
    """One command per point.

    Args:
      points: as `hyper` or `parsing` makes them.
      folder: of the sweep; every study has a folder in it.
      flags: what all commands have: --config=FILE, overrides.
      program: what is started.

    Raises:
      ConfigError: two points are equal, or one sweeps what `flags` has set.
    """
    given = {flag.partition('=')[0].lstrip('-') for flag in flags}
    found = []
    for index, (point, name) in enumerate(zip(points, names(points))):
        for setting in point:
            if not setting.startswith(_PREFIX):
                raise ConfigError(f'{setting!r:.80} is swept, which is no setting; '
                                  'allowed: names such as config.seed')
            if setting in given:
                raise ConfigError(f'--{setting} is given and swept; allowed: one of '
                                  'the two')
        workdir = pathlib.Path(folder) / name
        settings = [f'--{key}={text_of(value)}' for key, value in point.items()]
        found.append(Command(index, name, point, workdir, (
            *program, *flags, *settings, f'--workdir={workdir}')))
    return found


def names(points: Sequence[Point]) -> list[str]:
    """A readable name for every point, none twice: 'method=sparse_vd,seed=0'.

    A name depends on the point and on which settings are swept, not on the other
    points' values: a sweep that grows keeps its folders.

    Raises:
      ConfigError: two points are equal.
    """
    keys = list(dict.fromkeys(key for point in points for key in point))
    short = _short(keys)
    found: dict[str, int] = {}
    for index, point in enumerate(points):
        name = _name(point, short)
        if name in found:
            raise ConfigError(f'points {found[name]} and {index} of the sweep are '
                              f'equal: {name}; allowed: different ones')
        found[name] = index
    return list(found)


def text_of(value: Any) -> str:
    """A value as a flag has it."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str) else repr(value)


def _short(keys: Sequence[str]) -> dict[str, str]:
    """{setting: its last part, or more of it where that is another's too}."""
    lasts = [key.rpartition('.')[2] for key in keys]
    return {key: last if lasts.count(last) == 1 else key.removeprefix(_PREFIX)
            for key, last in zip(keys, lasts)}


def _name(point: Point, short: dict[str, str]) -> str:
    whole = ','.join(f'{short[key]}={text_of(value)}' for key, value in point.items())
    if not point:
        return 'as_it_is'
    # What is changed is told apart by a digest, so that no two points share a name.
    commas = len(point) - 1
    if (_PLAIN.fullmatch(whole) and len(whole) <= _LONGEST
            and whole.count(',') == commas):
        return whole
    digest = hashlib.blake2b(
        whole.encode(errors='surrogateescape'), digest_size=4).hexdigest()
    plain = re.sub(r'[^A-Za-z0-9._+=,-]+', '_', whole)[:_LONGEST - 9]
    return f'{plain}-{digest}'
