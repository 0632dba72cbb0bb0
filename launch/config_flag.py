"""--config and its overrides, checked before ml_collections reads them.

ml_collections loads the experiment file while it parses flags and lets whatever goes
wrong escape as a traceback; here each mistake is one line.
"""

import contextlib
import importlib.util
import pathlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import ml_collections
from absl import flags
from ml_collections import config_flags

from sparse_jax.paths import PathError, local
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.stored import check_known, near, read_json, reason
from sparse_jax.settings.tree import default_config, flatten, from_tree
from sparse_jax.sweep import hyper

DEFAULT = 'experiments/digits.py'
STORED = pathlib.Path(__file__).with_name('stored_config.py')
_ROOT = pathlib.Path(__file__).resolve().parents[1]
_argv: list[str] = []
"""What ml_collections scans for overrides in place of sys.argv; `prepare` fills it."""


def define(values: flags.FlagValues) -> flags.FlagHolder:
    """Define --config on a set of flags."""
    return config_flags.DEFINE_config_file(
        'config', None, 'Experiment file with get_config(), or config.json of a study; '
        f'{DEFAULT} if absent. Any setting can be overridden, as in '
        '--config.search.rounds=8.',
        flag_values=values, sys_argv=_argv)


def prepare(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """The arguments with exactly one --config=FILE, in front of its overrides.

    Raises:
      ConfigError: the file cannot be used, or an override names no setting.
    """
    _argv[:] = argv
    if 'config' not in values:
        return argv
    files, rest = _take_config(argv[1:])
    if len(files) > 1:
        raise ConfigError(f'--config is given {len(files)} times: {", ".join(files)}; '
                          'allowed: once')
    path = _found(_expanded(files[0]) if files else DEFAULT)
    config = load(path)
    for word in rest:
        found = re.match(r'--?config\.([^=]*)', word)
        if found:
            _check_name(config, found[1])
    # ml_collections reads Python files only.
    source = f'{STORED}:{path}' if path.endswith('.json') else path
    _argv[:] = [argv[0], f'--config={source}', *rest]
    return list(_argv)


def given() -> tuple[str, list[str]]:
    """The experiment file of the last command line, and its overrides, a word each."""
    words = iter(_argv[2:])
    overrides: list[str] = []
    known = flatten(default_config().to_dict())
    for word in words:
        found = re.fullmatch(r'--?config\.([\w.]+)', word)
        # The value of a switch is never the next word, that of others always.
        if found and not isinstance(known.get(found[1]), bool):
            word = f'{word}={next(words, "")}'
        if re.match(r'--?config\.', word):
            overrides.append(word)
    return _argv[1].removeprefix('--config=').removeprefix(f'{STORED}:'), overrides


def source_text() -> str:
    """Which experiment file the last command line takes its settings from, in words."""
    file, overrides = given()
    text = f'settings of {file}'
    if file == _found(DEFAULT):
        text = f'settings of {DEFAULT}, as --config names no other file'
    return f'{text}, {len(overrides)} changed' if overrides else text


def load_hyper(path: str) -> list[hyper.Point] | None:
    """The points of `get_hyper(hyper)` of an experiment file; None if it has none.

    Raises:
      ConfigError: the file or the function fails, or gives no list of points.
    """
    file, *_ = _parts(path)
    if file.endswith('.json'):
        return None
    try:
        make = getattr(_module(file), 'get_hyper', None)
        points = None if make is None else make(hyper)
    except (Exception, SystemExit) as error:
        raise ConfigError(f'--config={path}: get_hyper(): {reason(error)}') from None
    fine = isinstance(points, list) and points and all(
        isinstance(point, dict) and all(isinstance(name, str) for name in point)
        for point in points)
    if points is not None and not fine:
        raise ConfigError(f'--config={path}: get_hyper() gives {points!r:.40}; '
                          "allowed: a list, as hyper.sweep('config.seed', [1, 2])")
    return points


def _module(file: str) -> types.ModuleType:
    """An experiment file, run."""
    spec = importlib.util.spec_from_file_location('experiment', file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _no_bytecode():
        spec.loader.exec_module(module)
    return module


def load(path: str) -> ml_collections.ConfigDict:
    """The configuration of an experiment file, its settings those of the default.

    Raises:
      ConfigError: missing or broken file, or settings that do not exist.
    """
    file, _, argument = _parts(path)
    if not pathlib.Path(file).is_file() or not file.endswith(('.py', '.json')):
        raise ConfigError(f'--config={path}: no such experiment file; allowed: a '
                          'Python file with get_config(), or config.json of a study')
    if file.endswith('.json'):
        return read_json(path)
    try:
        config = _module(file).get_config(*([argument] if argument else []))
    # The file is a person's program: it may raise anything, or exit.
    except (Exception, SystemExit) as error:
        raise ConfigError(f'--config={path}: {reason(error)}') from None
    if not isinstance(config, ml_collections.ConfigDict):
        raise ConfigError(f'--config={path}: get_config() gives {config!r:.40}; '
                          'allowed: a changed sparse_jax.default_config()')
    check_known(f'--config={path}', config.to_dict())
    _check_complete(f'--config={path}', config.to_dict())
    return config


def check_trust(values: flags.FlagValues, argv: list[str]) -> None:
    """Refuse code that the config.json of a study names, and no flag of a person.

    Raises:
      ConfigError: naming the setting and its value.
    """
    files, rest = _take_config(argv[1:])
    if 'config' not in values or not files or not files[0].endswith('.json') or (
            values.trust_factories):
        return
    from sparse_jax.settings.reading import own_code

    path = _expanded(files[0])
    for name, value in own_code(from_tree(read_json(path).to_dict())).items():
        if not any(re.match(rf'--?config\.{name}=', word) for word in rest):
            raise ConfigError(
                f'--config={path}: {name} is {value!r}, code that this would run; '
                f'allowed: --config.{name}={value} or --trust_factories, if you trust '
                'that code')


@contextlib.contextmanager
def _no_bytecode() -> Iterator[None]:
    """Reading an experiment file leaves no __pycache__ beside it."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _check_complete(where: str, tree: dict[str, Any]) -> None:
    """Refuse a nested dict that lacks a setting."""
    given = flatten(tree)
    for name in flatten(default_config().to_dict()):
        if name not in given:
            raise ConfigError(f'{where}: setting {name} is missing')


_WORDS_OF_ABSL = {
    'Non-boolean argument': 'true or false',
    'invalid literal for int': 'a whole number',
    'could not convert string to float': 'a number'}
"""What a flag of a wrong type is said to be, and what it may be."""


def explain(error: flags.IllegalFlagValueError) -> str:
    """One line for a value of the wrong type."""
    from sparse_jax.settings.rules import KINDS

    found = re.match(r'flag --config\.([\w.]+)=(.*?): ', str(error), re.DOTALL)
    known = flatten(default_config().to_dict())
    if not found or found[1] not in known:
        text = re.sub(r'^flag ', '', str(error))
        for words, allowed in _WORDS_OF_ABSL.items():
            if words in text:
                return f'{text.split(": ")[0]}: allowed: {allowed}'
        return text
    name, value = found[1], found[2]
    default: Any = default_config().to_dict()
    for part in name.split('.'):
        default = default[part]
    return (f'config.{name}: {value!r} is not allowed; allowed: '
            f'{KINDS[type(default)]}')


def _expanded(path: str) -> str:
    """FILE or FILE:ARGUMENT with the home folder in place of `~`."""
    file, colon, argument = _parts(path)
    try:
        if argument.startswith('//'):
            local(path)
        return f'{local(file)}{colon}{argument}' if file else path
    except PathError as error:
        raise ConfigError(f'--config {error}') from None


def _parts(path: str) -> tuple[str, str, str]:
    """FILE or FILE:ARGUMENT at its colon; the settings of a study take no argument, and
    its folder may be called by the time of day."""
    return (path, '', '') if path.endswith('.json') else path.partition(':')


def _take_config(words: list[str]) -> tuple[list[str], list[str]]:
    """(values of --config, all other arguments)."""
    files, rest = [], []
    left = iter(words)
    for word in left:
        name, equals, value = word.partition('=')
        if name in ('--config', '-config'):
            files.append(value if equals else next(left, ''))
        else:
            rest.append(word)
    return files, rest


def _found(path: str) -> str:
    """The file beside the caller, else the one of the library of this name."""
    file, colon, argument = _parts(path)
    installed = _ROOT / file
    return path if pathlib.Path(file).is_file() or not installed.is_file() else (
        f'{installed}{colon}{argument}')


def _check_name(config: ml_collections.ConfigDict, name: str) -> None:
    """Refuse an override of what is no setting."""
    known = flatten(config.to_dict())
    if name in known:
        return
    inside = [k for k in known if k.startswith(f'{name}.')]
    if inside:
        raise ConfigError(f'--config.{name} is a group of settings; allowed: '
                          + ', '.join(f'--config.{k}' for k in inside))
    raise ConfigError(f'unknown setting --config.{name}{near(name, known)}')


