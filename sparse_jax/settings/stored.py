"""The settings that a study stored: as text, compared, and read again."""

import difflib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections

from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import default_config, flatten, to_tree, tuples

FREE = ('runtime', 'search.rounds', 'search.max_minutes', 'search.patience',
        'data.path', 'data.split', 'data.class_names')
"""Settings that may differ when a study continues, and between hosts. What is at the
path and in its parts may not: a study keeps a digest of its data. Names of classes
change no figure."""


class Added(NamedTuple):
    """A setting that came later than some studies."""

    before: Any
    """What it is in studies without it."""
    in_seeds: bool
    """Whether the seeds of retrainings depend on it even at this value: it came before
    they did. Without what came after it a retraining that was begun goes on."""


ADDED = {'objectives.fold_binary': Added(False, True),
         'pruning.bisect': Added(False, True), 'data.split': Added('random', True),
         'train.optimizer': Added('adam', False),
         'data.soft_labels': Added('', False), 'search.trend': Added('none', False),
         'search.lag': Added(0, False), 'pruning.at_end': Added(False, False)}
"""Settings whose default is not what studies without them had, and those that are newer
than retrainings."""
BINARY = ('objectives.fold_binary',)
"""Settings that mean something for two classes alone."""
GRADIENT = ('differentiable',)
"""Settings that mean something to the search by gradient alone."""


def dumps(settings: Settings) -> str:
    """Canonical JSON of settings."""
    return json.dumps(to_tree(settings), indent=2, sort_keys=True) + '\n'


def locked(settings: Settings, num_classes: int = 0) -> dict[str, Any]:
    """{'search.batch': 8, ...}: what must agree when a study continues, or between
    hosts; without what only two classes have, unless there are two, and without what
    only a search by gradient has, unless it is one."""
    search = settings.search
    by_gradient = 'differentiable' in (search.strategy, search.initial_from)
    free = FREE + BINARY * (num_classes != 2) + GRADIENT * (not by_gradient)
    found = {name: value for name, value in flatten(to_tree(settings)).items()
             if not any(name == f or name.startswith(f'{f}.') for f in free)}
    # Blanks between its items mean nothing.
    found['space.restrict'] = found['space.restrict'].replace(' ', '')
    # What is in the file may not differ, which a digest says; where it is may.
    found['data.soft_labels'] = found['data.soft_labels'] and 'a file'
    if found['objectives.board'].endswith('.json'):
        found['objectives.board'] = 'a file'
    return found


def of_seeds(settings: Settings) -> dict[str, Any]:
    """What of `locked` the seeds of retrainings depend on: a setting that is newer than
    they are changes none where it is what all studies had before it."""
    newer = {name: added.before for name, added in ADDED.items() if not added.in_seeds}
    return {name: value for name, value in locked(settings).items()
            if name not in newer or newer[name] != value}


def differences(
    stored: Settings, given: Settings, num_classes: int = 0
) -> list[str]:
    """Lines 'name: stored -> given' of settings that must agree and do not; of their
    data's `num_classes` classes, 0 if that is not known yet."""
    old, new = locked(stored, num_classes), locked(given, num_classes)
    return [f'{name}: {old.get(name)!r} -> {new.get(name)!r}'
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)]


def read_json(
    path: str | os.PathLike[str], where: str = ''
) -> ml_collections.ConfigDict:
    """The configuration that a study stored; settings that were added since then have
    their defaults, or what is in `ADDED`.

    Raises:
      ConfigError: missing or broken file, or settings that do not exist; one line that
        starts with `where`.
    """
    where = where or f'--config={path}'
    try:
        tree = json.loads(pathlib.Path(path).read_text())
        if not isinstance(tree, dict):
            raise TypeError(f'{tree!r:.40}')
        check_known(where, tree)
        config = default_config()
        older = {name: added.before for name, added in ADDED.items()}
        config.update_from_flattened_dict(
            {name: tuples(value) for name, value in (older | flatten(tree)).items()})
    except ConfigError:
        raise
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ConfigError(
            f'{where}: not a configuration in JSON: {reason(error)}') from None
    return config


def check_known(where: str, tree: Mapping[str, Any]) -> None:
    """Refuse a nested dict with a setting that does not exist.

    Raises:
      ConfigError: one line that starts with `where` and names the nearest setting.
    """
    known = flatten(to_tree(Settings()))
    for name in flatten(tree):
        if name not in known:
            raise ConfigError(f'{where}: unknown setting {name}{near(name, known)}')


def near(name: str, known: Mapping[str, Any]) -> str:
    """'; did you mean ...?', by spelling, else the members of the same group."""
    group, _, last = name.rpartition('.')
    same = [k for k in known if group and k.startswith(f'{group}.')]
    # Inside a group only the last part can be wrong: the rest would always match.
    close = ([f'{group}.{k}' for k in difflib.get_close_matches(
        last, [k.removeprefix(f'{group}.') for k in same], 1)] if same
        else difflib.get_close_matches(name, known, 1, 0.8))
    if close:
        return f'; did you mean {close[0]}?'
    groups = sorted({k.split('.')[0] for k in known})
    return '; allowed: ' + ', '.join(same or (f'{g}.…' if g != 'seed' else g
                                              for g in groups))


def reason(error: BaseException) -> str:
    """What is wrong with a failing experiment file, on one line."""
    if isinstance(error, AttributeError) and 'get_config' in str(error):
        return 'it has no get_config(); allowed: a function that returns the settings'
    text = str(error)
    if isinstance(error, AttributeError | TypeError | KeyError | ValueError):
        # ml_collections, mostly: a wrong type or a group that does not exist.
        text = ' '.join(text.split())
    lines = [line for line in text.splitlines() if line.strip()]
    return f'{type(error).__name__}: {lines[0] if lines else ""}'
