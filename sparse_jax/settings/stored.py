"""Reading the configuration that a study stored, and naming what does not exist."""

import difflib
import json
import pathlib

import ml_collections

from sparse_jax.settings.config import default_config, flatten
from sparse_jax.settings.reading import ConfigError


def read_json(path: str, where: str = '') -> ml_collections.ConfigDict:
    """The configuration that a study stored; settings that were added since then have
    their defaults.

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
        config.update_from_flattened_dict(
            {name: _tuples(value) for name, value in flatten(tree).items()})
    except ConfigError:
        raise
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(
            f'{where}: not a configuration in JSON: {reason(error)}') from None
    return config


def _tuples(value):
    """JSON has lists in place of tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def check_known(where, tree):
    """Refuse a nested dict with a setting that does not exist."""
    known = flatten(default_config().to_dict())
    for name in flatten(tree):
        if name not in known:
            raise ConfigError(f'{where}: unknown setting {name}{near(name, known)}')


def near(name, known):
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


def reason(error):
    """What is wrong with a failing experiment file, on one line."""
    if isinstance(error, AttributeError) and 'get_config' in str(error):
        return 'it has no get_config(); allowed: a function that returns the settings'
    text = str(error)
    if isinstance(error, AttributeError | TypeError | KeyError | ValueError):
        # ml_collections, mostly: a wrong type or a group that does not exist.
        text = ' '.join(text.split())
    lines = [line for line in text.splitlines() if line.strip()]
    return f'{type(error).__name__}: {lines[0] if lines else ""}'
