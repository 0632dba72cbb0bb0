"""How far studies are, from their databases alone: no device, no data, no weights.

Nothing here imports JAX, and SQLite adds up what is asked for, so that the answer comes
in a second for a study of thousands of trials too.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import sqlite3
from typing import NamedTuple

from sparse_jax.objectives.goal import ERROR, GOALS, Counted
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import MEMORY_MODELS, Settings
from sparse_jax.settings.stored import read_json
from sparse_jax.settings.tree import from_tree
from sparse_jax.study import lock
from sparse_jax.study.errors import StudyError
from sparse_jax.study.names import CONFIG_FILE, FILE, FINALS, FINISHED

RUNNING, ENDED, INTERRUPTED, EMPTY = 'running', 'finished', 'interrupted', 'empty'
"""States of a study: a process holds it; its search has ended by itself; neither, and
it has trials; neither, and it has none."""
_PENDING = 'pending'
_TABLES = {'meta', 'trials', 'curves', 'rounds'}


class Glance(NamedTuple):
    """What is known of a study without opening it."""

    folder: pathlib.Path
    state: str
    """RUNNING, ENDED, INTERRUPTED or EMPTY."""
    done: int
    """Trials with an outcome."""
    planned: int
    """Trials in all, as far as the settings say; of a finished search those it has."""
    failed: dict[str, int]
    """{status: trials} of outcomes other than ok."""
    round: int
    """Finished rounds; the end of a search, which trains finals, is none of them."""
    rounds: int
    """Rounds in all, as far as the settings say."""
    hypervolume: float | None
    """After the last finished round."""
    best_error: float | None
    """Least validation error within the soft bounds; None if there is no network
    within them, or an objective is of a person's own code."""
    seconds: float
    """That trainings took."""
    last: str
    """When the last outcome came, UTC; '' if none has."""


def settings_digest(folder: str | os.PathLike[str]) -> str:
    """Of the settings file of a study: what `FINISHED` is compared with."""
    path = pathlib.Path(folder) / CONFIG_FILE
    content = path.read_bytes() if path.is_file() else b''
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def studies_in(folder: str | os.PathLike[str]) -> list[pathlib.Path]:
    """The folder itself if it holds a study, else those of its subfolders that do.

    Raises:
      StudyError: there is none.
    """
    path = pathlib.Path(folder)
    if (path / FILE).is_file():
        return [path]
    found = sorted(inner.parent for inner in path.glob(f'*/{FILE}'))
    if not found:
        raise StudyError(f'{str(path)!r}: no study here; allowed: a folder of '
                         'launch.search, or one of launch.sweep')
    return found


def is_awaited(folder: str | os.PathLike[str]) -> bool:
    """Whether a search that is just beginning could make a study of a folder: nothing
    stands in its way, and there is none that can be opened yet."""
    path = pathlib.Path(folder)
    if not path.is_dir():
        return not os.path.lexists(path)
    if any(path.glob(f'*/{FILE}')):
        return False
    if not (path / FILE).is_file():
        return True
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_opened(path)) as db:
        return (path / CONFIG_FILE).is_file() and not _TABLES <= _tables(db)
    # Whoever opens it says what is wrong.
    return False


def look(folder: str | os.PathLike[str]) -> Glance:
    """Look at a study; a search may go on in it meanwhile.

    Raises:
      StudyError: its settings or its database cannot be read.
    """
    path = pathlib.Path(folder)
    try:
        settings = from_tree(read_json(
            path / CONFIG_FILE, f'workdir {str(path)!r}: {CONFIG_FILE}').to_dict())
    except ConfigError as error:
        raise StudyError(str(error)) from None
    try:
        with contextlib.closing(_opened(path)) as db:
            return _glance(path, settings, db)
    except (sqlite3.Error, TypeError, ValueError, RecursionError) as error:
        text = ' '.join(str(error).split())
        raise StudyError(f'workdir {str(path)!r}: {FILE}: {text}') from None


def is_finished(folder: str | os.PathLike[str]) -> bool:
    """Whether the search with the settings of a folder has ended by itself.

    Raises:
      StudyError: the folder cannot be read.
    """
    return (pathlib.Path(folder) / FILE).is_file() and look(folder).state == ENDED


def _opened(path: pathlib.Path) -> sqlite3.Connection:
    """The database of a folder, to be read."""
    uri = f'{(path / FILE).absolute().as_uri()}?mode=ro'
    return sqlite3.connect(uri, uri=True, timeout=5)


def _tables(db: sqlite3.Connection) -> set[str]:
    return {name for name, in db.execute('SELECT name FROM sqlite_master')}


def _glance(
    path: pathlib.Path, settings: Settings, db: sqlite3.Connection
) -> Glance:
    search, held = settings.search, lock.is_held(path)
    empty = Glance(path, RUNNING if held else EMPTY, 0, search.rounds * search.batch,
                   {}, 0, search.most_rounds, None, None, 0.0, '')
    # A search that has just begun has made its file and no table yet.
    if not _TABLES <= _tables(db):
        return empty
    counts = dict(db.execute('SELECT status, count(*) FROM trials GROUP BY status'))
    pending = counts.pop(_PENDING, 0)
    seconds, last = db.execute(
        'SELECT total(train_seconds), max(finished) FROM trials').fetchone()
    rounds = db.execute('SELECT hypervolume, info FROM rounds WHERE hypervolume IS NOT '
                        'NULL ORDER BY round').fetchall()
    ended = db.execute('SELECT value FROM meta WHERE key=?', (FINISHED,)).fetchone()
    done = sum(counts.values())
    if not held and done + pending:
        over = not pending and ended == (settings_digest(path),)
        empty = empty._replace(state=ENDED if over else INTERRUPTED)
    planned = 0 if empty.state == ENDED else empty.planned
    return empty._replace(
        done=done, planned=max(planned, done + pending),
        failed={name: n for name, n in counts.items() if name != 'ok'},
        round=sum(not _is_end(info) for _, info in rounds),
        hypervolume=rounds[-1][0] if rounds else None,
        best_error=_best_error(settings, db), seconds=seconds, last=last or '')


def _is_end(info: str | None) -> bool:
    """Whether the text that a round has as its info is of the end of a search."""
    return FINALS in json.loads(info or '{}')


def _best_error(settings: Settings, db: sqlite3.Connection) -> float | None:
    """Least error within the soft bounds, of trials and of their other cuts."""
    names = [name for name in settings.objectives.names if name != ERROR]
    if not set(names) <= set(GOALS):
        return None
    within = ''.join(f' AND {_column(name, settings)} <= ?' for name in names)
    bounds = [settings.objectives.bounds[name] for name in names]
    errors = [db.execute(
        f"SELECT min(error) FROM {table} WHERE status='ok'{within}", bounds
        ).fetchone()[0] for table in ('trials', 'curves')]
    return min((error for error in errors if error is not None), default=None)


def _column(name: str, settings: Settings) -> str:
    """Of a goal of the table, in both tables."""
    if name == 'working_memory':
        return MEMORY_MODELS.get(settings.objectives.memory_model, name)
    source = GOALS[name].source
    return source.rule if isinstance(source, Counted) and isinstance(
        source.rule, str) else name


def failed_text(failed: dict[str, int]) -> str:
    """'3 over-budget, 1 nonfinite'."""
    return ', '.join(f'{count} {name}' for name, count in sorted(failed.items()))
