"""What every launcher shares: flags, one-line errors, exit codes, compile cache.

Bad input from a person ends with one line on stderr and exit code 2; a failure of
the program itself keeps its traceback.
"""

import os
import pathlib
import sys

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from sparse_jax.data import DataError
from sparse_jax.search.setup import ConfigError
from sparse_jax.search.study import StudyError
from sparse_jax.space.network_file import NetworkFileError

PERSONS_ERRORS = (ConfigError, DataError, StudyError, NetworkFileError)

flags.DEFINE_string(
    'cache_dir', os.path.join('~', '.cache', 'sparse_jax', 'xla'),
    'Folder of compiled programs, reused by later runs; empty to switch it off.')
FLAGS = flags.FLAGS


def define_config(default: str | None = 'experiments/digits.py'):
    """Define --config (a Python file with get_config) and --config.x.y overrides."""
    return config_flags.DEFINE_config_file(
        'config', default, 'Experiment file; any setting can be overridden, as in '
        '--config.search.rounds=8.', lock_config=True)


def define_workdir(help_text: str):
    """Define the required --workdir."""
    return flags.DEFINE_string('workdir', None, help_text, required=True)


def run(main) -> None:
    """Parse flags and call main(argv); turns bad input into one line and exit code 2."""
    app.run(_guarded(main), flags_parser=_parse)


def fail(message: object) -> None:
    """One line on stderr, exit code 2."""
    text = ' '.join(str(message).split())
    print(f'error: {text}', file=sys.stderr)
    sys.exit(2)


def _guarded(main):
    def guarded(argv):
        if len(argv) > 1:
            fail(f'unexpected argument {argv[1]!r}; flags start with --')
        _use_cache()
        if FLAGS['verbosity'].using_default_value:
            logging.set_verbosity(logging.WARNING)
        try:
            main(argv)
        except PERSONS_ERRORS as error:
            fail(error)
        except BrokenPipeError:
            # The reader of our output (head, less) left; nothing is wrong.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return guarded


def _parse(argv):
    _check_config_file(argv)
    try:
        return app.parse_flags_with_usage(argv)
    except SystemExit:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, OSError, SyntaxError,
            ImportError) as error:
        return fail(_explain(error))


def _explain(error):
    """The first line of what ml_collections says about an override."""
    text = str(error.args[0]) if error.args else str(error)
    return text.splitlines()[0] if text else type(error).__name__


def _check_config_file(argv):
    """Refuse a missing or broken experiment file before its loader dumps a traceback."""
    for i, argument in enumerate(argv[1:], 1):
        name, _, value = argument.lstrip('-').partition('=')
        if not argument.startswith('-') or name != 'config':
            continue
        value = value or (argv[i + 1] if i + 1 < len(argv) else '')
        path = pathlib.Path(value.split(':')[0])
        if not path.is_file():
            fail(f'--config: no experiment file {str(path)!r}')


def _use_cache():
    if not FLAGS.cache_dir:
        return
    path = pathlib.Path(FLAGS.cache_dir).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f'--cache_dir {str(path)!r}: {error.strerror}')
    jax.config.update('jax_compilation_cache_dir', str(path))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
    jax.config.update('jax_persistent_cache_min_entry_size_bytes', 0)

