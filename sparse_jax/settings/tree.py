"""Settings as a tree of plain values, and back: what files and flags are made of."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import ml_collections

from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings


def default_config() -> ml_collections.ConfigDict:
    """All settings with their defaults, for experiment files to change.

    This is what an experiment file's `get_config` returns and what the launchers' flags
    `--config.GROUP.NAME=VALUE` change. `settings/groups.py` documents every setting.

    Returns:
      A `ConfigDict` of the groups of `Settings`, to be given to `run_search`. Unknown
      names and values of another type are refused as they are assigned; whether values
      are allowed is checked when the settings are read.

    Example:
      >>> config = default_config()
      >>> config.search.rounds = 8
      >>> config.budgets.update({'model_size': 2048, 'working_memory': 2048})
      >>> config.objectives.names
      ('error', 'model_size', 'working_memory')
    """
    return to_config(Settings())


def to_config(settings: Settings) -> ml_collections.ConfigDict:
    """The settings as a `ConfigDict`; `from_tree` of its dict gives them back."""
    return ml_collections.ConfigDict(to_tree(settings))


def to_tree(settings: Any) -> dict[str, Any]:
    """{'search': {'rounds': 4, ...}, ...} of settings, or of one of their groups."""
    tree = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.metadata.get('inline'):
            tree |= value
        else:
            tree[field.name] = to_tree(value) if dataclasses.is_dataclass(
                value) else value
    return tree


def from_tree(tree: Mapping[str, Any]) -> Settings:
    """Settings of a tree; those that it lacks have their defaults.

    Lists become tuples. Only names are checked here, see `reading.read` for values.

    Raises:
      ConfigError: the tree has a setting that does not exist, or one of training that
        is out of range.
    """
    return _filled(Settings(), tree, '')


def _filled(default: Any, tree: Mapping[str, Any], prefix: str) -> Any:
    """The group `default` with the values of a tree."""
    left, changes = dict(tree), {}
    for field in dataclasses.fields(default):
        value = getattr(default, field.name)
        if field.metadata.get('inline'):
            changes[field.name] = {
                name: _value(left.pop(name, amount), f'{prefix}{name}')
                for name, amount in value.items()}
        elif field.name in left:
            given = left.pop(field.name)
            if dataclasses.is_dataclass(value):
                if not isinstance(given, Mapping):
                    raise ConfigError(
                        f'config.{prefix}{field.name}: {given!r:.40} is not allowed; '
                        'allowed: a group of settings')
                changes[field.name] = _filled(value, given, f'{prefix}{field.name}.')
            else:
                changes[field.name] = tuples(_value(given, f'{prefix}{field.name}'))
    for name in left:
        raise ConfigError(f'unknown setting config.{prefix}{name}')
    try:
        return dataclasses.replace(default, **changes)
    except ValueError as error:
        raise ConfigError(f'config.{error}') from None


def _value(given: Any, name: str) -> Any:
    """The value of a single setting.

    Raises:
      ConfigError: it is a group of settings.
    """
    if isinstance(given, Mapping):
        raise ConfigError(f'config.{name}: {dict(given)!r:.40} is not allowed; '
                          'allowed: a value, not a group')
    return given


def tuples(value: Any) -> Any:
    """Lists, which JSON has in their place, as tuples; also inside others."""
    return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value


def flatten(tree: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    """{'search.rounds': 4, ...} of a nested dict; tuples become lists."""
    flat = {}
    for name, value in tree.items():
        path = f'{prefix}{name}'
        if isinstance(value, Mapping):
            flat |= flatten(value, f'{path}.')
        else:
            flat[path] = json.loads(json.dumps(value))
    return flat
