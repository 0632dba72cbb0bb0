"""Factories by name: those of the library, or a person's own as MODULE:FACTORY.

Naming a factory runs its module, so that a name is code. What comes from a file of
somebody else is asked for with `is_own` first, and never looked up without consent.
"""

import importlib
import importlib.util
import inspect
import pathlib
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

STUDY_FILE = 'study.sqlite'
"""What lies in the folder of a study, which is never a place for modules."""
_LIBRARIES = tuple(f'{pathlib.Path(place).resolve()}/' for place in (
    pathlib.Path(__file__).parent, *map(sysconfig.get_path, ('purelib', 'stdlib'))))
"""Where no person's own code lies."""


def is_own(name: str) -> bool:
    """Whether a name stands for a person's own code, MODULE:FACTORY."""
    return ':' in name


def find(name: str, known: Mapping[str, Callable]) -> Callable:
    """`known[name]`, or what 'package.module:attribute' names.

    Args:
      name: of a configuration.
      known: the factories of the library.

    Returns:
      A function or a class; built-in ones, such as `sys.exit`, are refused.

    Raises:
      ValueError: there is none, or its module lies in the folder of a study; the
        message says what is allowed.
    """
    allowed = f'allowed: {", ".join(known)}, or MODULE:FACTORY'
    if not is_own(name):
        if name not in known:
            raise ValueError(f'{name!r} is not allowed; {allowed}')
        return known[name]
    module, _, attribute = name.partition(':')
    try:
        _check_place(module)
        found = getattr(importlib.import_module(module), attribute)
        if inspect.isbuiltin(found) or not callable(found):
            raise TypeError(f'{found!r:.60} is no function of Python')
    # A module is a person's program: importing it may raise anything, or exit.
    except (Exception, SystemExit) as error:
        raise ValueError(f'{name!r} is not allowed ({_words(error)}); {allowed}'
                         ) from None
    return found


def check_arguments(
    name: str, factory: Callable, form: str, *args: Any, **kwargs: Any
) -> None:
    """Refuse a factory that cannot be called with these arguments.

    Args:
      name: of a configuration.
      factory: what `find` gave.
      form: what is allowed, in words.
      *args, **kwargs: stand for the arguments; only their number and names count.

    Raises:
      ValueError: one line that says what is allowed.
    """
    try:
        inspect.signature(factory).bind(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{name!r} is not allowed ({_words(error)}); allowed: {form}') from None


def call(name: str, factory: Callable, *args: Any, **kwargs: Any) -> Any:
    """What a factory makes; one that fails or exits the process instead is refused.

    Raises:
      ValueError: one line: a person's own raised an error, or any called for the end
        of the process.
    """
    try:
        return factory(*args, **kwargs)
    except SystemExit as error:
        raise ValueError(f'{name!r} is not allowed (it exits with {error.code!r}); '
                         'allowed: a function that returns something') from None
    except Exception as error:
        if not is_own(name):
            raise
        raise ValueError(f'{name!r} fails ({told(error)}); allowed: a function that '
                         'returns something') from error


def told(error: BaseException) -> str:
    """An error of a person's own code in one line: its kind, what it says and where.

    Args:
      error: as it was caught.

    Returns:
      Such as "KeyError: 'conv', mine.py line 12"; without a place if no line of code
      outside of the libraries was left.
    """
    place = ''
    for frame in traceback.extract_tb(error.__traceback__):
        path = str(pathlib.Path(frame.filename).resolve())
        if not frame.filename.startswith('<') and not path.startswith(_LIBRARIES):
            place = f', {pathlib.Path(path).name} line {frame.lineno}'
    return f'{type(error).__name__}: {_words(error)}{place}'


def _words(error: BaseException) -> str:
    return ' '.join(str(error).split())[:200]


def _check_place(module: str) -> None:
    """Refuse a module, or a package around it, that lies in the folder of a study.

    Asked from the outermost package on, as finding a module runs the packages around.
    """
    parts = module.split('.')
    for count in range(1, len(parts) + 1):
        spec = importlib.util.find_spec('.'.join(parts[:count]))
        if spec is None:
            raise ImportError(f'No module named {".".join(parts[:count])!r}; run where '
                              'the module is, or set PYTHONPATH')
        for place in _places(spec.origin, spec.submodule_search_locations):
            for folder in place.parents:
                if (folder / STUDY_FILE).exists():
                    raise ImportError(f'{str(place)!r} lies in the folder of a study')


def _places(origin: str | None, folders: Any) -> Iterator[pathlib.Path]:
    """Files and folders that a module comes from, links followed and not."""
    for text in (origin, *(folders or ())):
        path = pathlib.Path(text or '.').absolute()
        for place in {path, path.resolve()}:
            yield place / '__init__.py' if place.is_dir() else place
