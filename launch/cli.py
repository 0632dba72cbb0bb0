"""What every launcher shares: flags, one-line errors, exit codes, compile cache.

Bad input from a person ends with one line on stderr and exit code 2; a failure of
the program itself keeps its traceback. Launchers import what takes long, JAX foremost,
inside of their functions: --help and mistakes in flags are answered at once.
"""

import contextlib
import difflib
import errno
import itertools
import math
import os
import pathlib
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import NoReturn, TextIO

from absl import flags
from ml_collections import ConfigDict

from launch import compile_cache, config_flag, environment, host_memory, log, usage
from sparse_jax import paths
from sparse_jax.paths import PathError, local, private_cache
from sparse_jax.settings.errors import ConfigError
from sparse_jax.study.errors import StudyError

CACHE = os.path.join('~', '.cache', 'sparse_jax', 'xla')
"""Of compiled programs, where nobody says."""
DISK_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
               errno.EFBIG, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP)
"""What a disk refuses; any other OSError is a fault of the program."""

Main = Callable[[list[str]], None]
"""A launcher: (arguments that are no flags) -> nothing."""

_with_words: list[flags.FlagValues] = []
"""Of launchers that take arguments that are no flags."""
INTERRUPTED, UNREAD = 130, 141
"""Exit codes after Ctrl-C, and where nobody reads the output any more, as shells have
them."""


def _define_common(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        'cache_dir', CACHE,
        'Folder of compiled programs, reused by later runs; empty to switch it off.',
        flag_values=values)


_define_common(flags.FLAGS)


def new_flags(*, jax: bool = True, words: bool = False) -> flags.FlagValues:
    """Flags of one launcher alone, so that several can live in one process.

    Args:
      jax: whether it needs JAX, which takes long to import, and so --cache_dir.
      words: whether it takes arguments that are no flags.
    """
    values = flags.FlagValues()
    if words:
        _with_words.append(values)
    if jax:
        _define_common(values)
    return values


def define_config(values: flags.FlagValues = flags.FLAGS) -> flags.FlagHolder:
    """Define --config (a Python file with get_config) and --config.x.y overrides."""
    return config_flag.define(values)


class PathParser(flags.ArgumentParser):
    """Of flags that are paths: `~` is expanded, what no file can have is refused."""

    def parse(self, argument: str) -> str:
        """The path as text; '' stays as it is.

        Raises:
          PathError: no local file can have it.
        """
        return str(local(argument)) if argument else argument

    def flag_type(self) -> str:
        """What --helpxml says."""
        return 'path'


def define_path(name: str, help_text: str, values: flags.FlagValues = flags.FLAGS, *,
                default: str | None = None, required: bool = False) -> flags.FlagHolder:
    """Define a flag that is a path."""
    flag = flags.DEFINE(
        PathParser(), name, default, help_text, flag_values=values, required=required,
        serializer=flags.ArgumentSerializer())
    if required:
        # As from an unset shell variable: it would be the current folder.
        flags.register_validator(
            name, lambda value: value != '', 'is empty; allowed: a folder',
            flag_values=values)
    return flag


def define_workdir(
    help_text: str, values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder:
    """Define the required --workdir."""
    return define_path('workdir', help_text, values, required=True)


def define_trust(values: flags.FlagValues = flags.FLAGS) -> flags.FlagHolder:
    """Define --trust_factories."""
    return flags.DEFINE_bool(
        'trust_factories', False, 'Run code that a stored study names as '
        'MODULE:FACTORY. Only for studies whose code is yours.', flag_values=values)


def run(
    main: Main, values: flags.FlagValues = flags.FLAGS, argv: list[str] | None = None
) -> None:
    """Parse flags and call main(argv); bad input becomes one line and exit code 2.

    absl's own `app.run` is not used: it prints two lines for an unknown flag, and
    turns on the INFO messages of every library.
    """
    environment.set_output()
    try:
        _run(main, values, sys.argv if argv is None else argv)
    except SystemExit as error:
        if error.code == INTERRUPTED:
            # Compilations and trainings cannot be cut short: do not wait for them.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


def _run(main: Main, values: flags.FlagValues, argv: list[str]) -> None:
    with _explained(), warnings.catch_warnings():
        if usage.is_asked_for(argv):
            print(usage.text(main, values), flush=True)
            return
        rest = _parse(values, argv)
        if len(rest) > 1 and not any(values is known for known in _with_words):
            fail(f'unexpected argument {rest[1]!r}; flags start with --')
        _say_first(main)
        _show_warnings()
        config_flag.check_trust(values, argv)
        if 'cache_dir' in values:
            host_memory.few_arenas()
            environment.settle()
            use_cache(values.cache_dir)
        main(rest)
        sys.stdout.flush()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Exit with one line for what a person or their disk caused."""
    try:
        yield
    except SystemExit:
        raise
    except KeyboardInterrupt:
        fail('stopped', INTERRUPTED)
    except (ConfigError, PathError, StudyError) as error:
        fail(error)
    except _errors_of_data() as error:
        fail(error)
    except BrokenPipeError:
        # The reader of our output (head, less) left; what was asked for is not done.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNREAD)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        fail(f'{error.filename or "disk"}: {error.strerror}')
    except sqlite3.DatabaseError as error:
        # Of its subclasses only this one can be the file's fault.
        if type(error) not in (sqlite3.DatabaseError, sqlite3.OperationalError):
            raise
        fail(f'study.sqlite: {error}')
    except Exception:
        missing = environment.missing_device()
        if missing is None:
            raise
        fail(missing)


def _errors_of_data() -> tuple[type[Exception], ...]:
    """Their message is one line that names the value and what is accepted."""
    from sparse_jax.acquisition.admission import NothingLeftError
    from sparse_jax.data import DataError
    from sparse_jax.evaluation.cluster.crew import ClusterError
    from sparse_jax.space.network_file import NetworkFileError
    return ClusterError, DataError, NetworkFileError, NothingLeftError


def _say_first(main: Main) -> None:
    """What the module of a launcher has to say before JAX is imported, which takes
    seconds: its `first_line()`, if it has one and that is not empty."""
    log.forget()
    first = getattr(sys.modules[main.__module__], 'first_line', None)
    if first is not None and (text := first()):
        print(text, flush=True)
        log.add(text)


def _show_warnings() -> None:
    """Show what a person should know of a study each time that it is said."""
    from sparse_jax.study.errors import StudyWarning
    warnings.simplefilter('always', StudyWarning)
    warnings.showwarning = _show_warning


def _show_warning(message: Warning | str, category: type[Warning], filename: str,
                  lineno: int, file: TextIO | None = None,
                  line: str | None = None) -> None:
    """What a person should know is one line; warnings of libraries stay whole."""
    from sparse_jax.study.errors import StudyWarning

    if issubclass(category, StudyWarning):
        text = f'warning: {" ".join(str(message).split())}\n'
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


def fail(message: object, code: int = 2) -> NoReturn:
    """One line on stderr, exit."""
    text = ' '.join(str(message).split())
    print(f'error: {text}', file=sys.stderr)
    sys.exit(code)


def check_folder(flag: str, path: str | pathlib.Path) -> None:
    """Refuse a place for files where no folder can be, before there is work to lose."""
    reason = paths.refusal(pathlib.Path(path))
    if reason:
        fail(f'--{flag}={path}: {reason}')


def _parse(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Arguments that are no flags, after those that are were read."""
    _check_once(values, argv)
    try:
        rest = values(config_flag.prepare(values, argv))
        _check_finite(values)
        return rest
    except flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, values, 1)
        hint = f'; did you mean --{near[0]}?' if near else '; --help lists all flags'
        return fail(f'unknown flag --{error.flagname}{hint}')
    except flags.IllegalFlagValueError as error:
        for name in values:
            if f'--{name} must have a value' in str(error):
                return fail(f'--{name} is missing; it is required: {values[name].help}')
        if isinstance(error.__context__, PathError):
            return fail(f'--{str(error).split("=")[0].split("--")[1]} '
                        f'{error.__context__}')
        return fail(config_flag.explain(error))
    except (ConfigError, flags.Error) as error:
        return fail(error)


def _check_once(values: flags.FlagValues, argv: list[str]) -> None:
    """Refuse a flag that is given twice: the last one would win, and say nothing."""
    given: dict[str, list[str]] = {}
    words = list(itertools.takewhile(lambda word: word != '--', argv[1:]))
    for word, after in itertools.zip_longest(words, words[1:], fillvalue=''):
        name, equals, value = word.lstrip('-').partition('=')
        negated = name.removeprefix('no')
        if negated != name and negated in values and values[negated].boolean:
            name, equals, value = negated, '=', 'false'
        if word.startswith('-') and (name in values or name.startswith('config.')):
            boolean = name in values and values[name].boolean
            given.setdefault(name, []).append(
                value if equals else 'true' if boolean else after)
    for name, texts in given.items():
        if len(texts) > 1:
            fail(f'--{name} is given {len(texts)} times: {", ".join(texts)}; '
                 'allowed: once')


def _check_finite(values: flags.FlagValues) -> None:
    """Refuse numbers that are within no range and beyond none."""
    for name in values:
        value = values[name].value
        if isinstance(value, float) and not math.isfinite(value) and (
                not name.startswith('config.')):
            fail(f'--{name}={value:g}: allowed: a finite number')


def config_of(words: list[str]) -> ConfigDict:
    """The configuration of --config=FILE and overrides, as a launcher would have it.

    A mistake ends the program with one line.
    """
    values = flags.FlagValues()
    holder = define_config(values)
    _parse(values, ['config', *words])
    return holder.value


def use_cache(folder: str) -> None:
    """Keep compiled programs in a folder; '' for none."""
    if not folder:
        return
    try:
        compile_cache.use(local(folder))
    except (OSError, PathError) as error:
        if folder != CACHE:
            fail(f'--cache_dir {folder!r}: {getattr(error, "strerror", None) or error}')
        # Nobody asked for the usual folder, and there may be no home.
        compile_cache.use(private_cache('xla'))
