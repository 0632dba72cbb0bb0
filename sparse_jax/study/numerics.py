"""What the numbers of a study depend on beside its settings, its data and its seed.

Forms of convolutions and batches, the compiler and its efforts change how results
round, and a search that rounds otherwise becomes another search. A study remembers them
and goes on as it began.
"""

import contextlib
import json
import os
import pathlib
import sqlite3
from collections.abc import Callable
from importlib import metadata
from typing import NamedTuple

import jax

from sparse_jax import efforts, processor
from sparse_jax.native import build
from sparse_jax.ops import lowering as lowerings
from sparse_jax.ops.lowering import Lowering
from sparse_jax.settings.groups import Runtime
from sparse_jax.study.database import Database, tell
from sparse_jax.study.record import StudyError
from sparse_jax.study.records import FILE, Study

KEY = 'lowering'
BEFORE = 'patches'
"""What 'auto' meant for convolutions when studies did not remember it."""


class Numerics(NamedTuple):
    """What decides how trainings round; '' for what a study does not know."""

    conv: str = ''
    """See `ops.lowering.Lowering`."""
    mapping: str = ''
    platform: str = ''
    """'cpu', 'gpu' or 'tpu': of the devices that train."""
    jax: str = ''
    jaxlib: str = ''
    efforts: str = ''
    """Digest of the table of the compiler's efforts."""
    kernels: str = ''
    """Digest of the C++ kernels, of forms that call some."""
    vectors: str = ''
    """Of the processor, where it is this one that trains."""

    @classmethod
    def here(cls, lowering: Lowering, platform: str | None = None) -> 'Numerics':
        """Those of this process under a lowering.

        platform: of the devices that train, elsewhere; by default those of this
          process.
        """
        vectors = '' if platform or jax.default_backend() != 'cpu' else (
            processor.vectors())
        return cls(lowering.conv, lowering.mapping, platform or jax.default_backend(),
                   metadata.version('jax'), metadata.version('jaxlib'),
                   efforts.digest(), lowerings.kernels(lowering.conv),
                   vectors)


def lowering_for(
    workdir: str | os.PathLike[str], wanted: Runtime, stored: Runtime | None = None, *,
    prunes: bool = True, platform: str | None = None,
    say: Callable[[str], None] = tell,
) -> Lowering:
    """The lowering of a study: the one that it began with, else what is wanted.

    Args:
      workdir: its folder; it may be missing.
      wanted: settings of the machine.
      stored: those that the study has in its configuration; None for a new one.
      prunes: whether its trainings do.
      platform: of the devices that train; by default those of this process.
      say: takes one line where the two differ, or something else that decides how
        trainings round is not as it was.

    Raises:
      StudyError: it began with direct convolutions, which cannot be had here.
    """
    chosen = lowerings.chosen(wanted.conv, wanted.mapping, prunes=prunes)
    found = _stored(pathlib.Path(workdir))
    if found is None:
        return chosen
    began = _began(found, chosen, stored)
    name = f'workdir {os.fspath(workdir)!r}'
    if not lowerings.runs_here(began.conv):
        raise StudyError(
            f'{name}: its trainings use direct convolutions, which cannot be had on '
            f'{jax.default_backend()!r} here; allowed: JAX_PLATFORMS=cpu and '
            f'{build.NEEDED}, or another workdir')
    if began != chosen:
        say(f'{name}: its trainings go on as they began, with config.runtime.conv '
            f'{began.conv!r} and mapping {began.mapping!r} in place of {chosen.conv!r} '
            f'and {chosen.mapping!r}')
    changed = _changes(found, Numerics.here(began, platform))
    if changed:
        say(f'{name}: since it began other things have changed ({changed}): further '
            'trainings may round differently')
    return began


def keep(records: Study, lowering: Lowering, platform: str | None = None) -> None:
    """Remember what a study's numbers depend on, unless it knows already.

    platform: of the devices that train; by default those of this process.

    Raises:
      StudyError: it goes on under another lowering than it began with.
    """
    text = records.meta(KEY)
    if text is None:
        now = Numerics.here(lowering, platform)
        records.set_meta(KEY, json.dumps(now._asdict()))
        return
    found = _parsed(text)
    if (found.conv, found.mapping) != (lowering.conv, lowering.mapping):
        records.close()
        raise StudyError(
            f'workdir {str(records.workdir)!r}: its trainings began with conv '
            f'{found.conv!r} and mapping {found.mapping!r}, not {lowering.conv!r} and '
            f'{lowering.mapping!r}; allowed: the lowering of study.lowering_for')


def _began(found: Numerics, chosen: Lowering, stored: Runtime | None) -> Lowering:
    """What a study began with, also if it does not say."""
    known = stored or Runtime()
    conv = found.conv or (BEFORE if known.conv == 'auto' else known.conv)
    mapping = found.mapping or (
        chosen.mapping if known.mapping == 'auto' else known.mapping)
    return Lowering(conv, mapping)


def _changes(found: Numerics, now: Numerics) -> str:
    """What else is not as it was; of a study that knows nothing: its age."""
    if not found.jax:
        return 'it was made by a version that did not remember them'
    names = ['platform', 'jax', 'jaxlib', 'efforts', 'kernels']
    # Earlier versions did not remember them, and GPUs have none.
    names += ['vectors'] if found.vectors and now.vectors else []
    return ', '.join(f'{name} {getattr(found, name)} -> {getattr(now, name)}'
                     for name in names if getattr(found, name) != getattr(now, name))


def _stored(workdir: pathlib.Path) -> Numerics | None:
    """What a study says; None if there is none or it has no trials. Damages are told
    where it is opened."""
    path = workdir / FILE
    try:
        if not path.is_file() or not path.stat().st_size:
            return None
        with contextlib.closing(Database(path, writable=False)) as db:
            rows = db.read('SELECT value FROM meta WHERE key=?', (KEY,))
            begun = rows or db.read('SELECT number FROM trials LIMIT 1')
    except (OSError, sqlite3.Error):
        return None
    if not begun:
        return None
    return _parsed(rows[0]['value']) if rows else Numerics()


def _parsed(text: str) -> Numerics:
    """Of a stored text, whatever it is."""
    try:
        values = json.loads(text)
        return Numerics(**{name: str(values.get(name, ''))
                           for name in Numerics._fields})
    except (ValueError, AttributeError, RecursionError):
        return Numerics()
