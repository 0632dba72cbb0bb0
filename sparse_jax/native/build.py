"""Builds a C++ source into the user's cache and hands out its functions.

A library is built once for each set of sources, compiler, CPU features and XLA headers:
all of them are in its name. Nothing is built at import.
"""

import ctypes
import functools
import hashlib
import importlib.util
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata

import jax

SOURCES = pathlib.Path(__file__).parent
MAIN = 'library.cc'
FLAGS = ('-std=c++17', '-O3', '-march=native', '-fno-math-errno', '-ffp-contract=fast',
         '-fPIC', '-g0')
"""No -ffast-math: sums keep their order, so that padding and batch change nothing."""
TIMEOUT = 900
"""Seconds that a compiler may take: ziglang's first call builds its own libraries."""


NEEDED = 'a C++ compiler (c++, g++, clang++, CXX=COMMAND, pip install ziglang)'


class BuildError(RuntimeError):
    """No library: there is no compiler, or it failed."""


DIRECT = ('correlate.h', 'kernel_gradient.h', 'noise.h', 'rows.h', 'two_passes.h',
          'vectors.h', 'calls.cc')
"""Sources of the direct convolutions."""
NORM = ('max_pool.h', 'normalise.h', 'vectors.h', 'norm_calls.cc')
"""Sources of the batch norm."""
POOL = ('max_pool.h', 'vectors.h', 'pool_calls.cc')
"""Sources of the maxima over windows."""
IMAGES = ('images.h', 'image_calls.cc')
"""Sources of the choice of images."""


def digest(sources: Sequence[str] = ()) -> str:
    """Eight hex digits of some sources, by default of all; part of the names of their
    calls. A study remembers those of the kernels that it trains with."""
    found = hashlib.sha256()
    whole = sorted(path.name for path in SOURCES.glob('*.h'))
    whole += sorted(path.name for path in SOURCES.glob('*.cc'))
    for path in map(SOURCES.joinpath, sources or whole):
        found.update(path.name.encode() + b'\0' + path.read_bytes())
    return found.hexdigest()[:8]


def compilers() -> list[tuple[str, ...]]:
    """Commands of the C++ compilers of this machine, the preferred one first.

    That of the environment variable CXX, else the system's, else pip's ziglang.
    """
    named = os.environ.get('CXX', '').split()
    if named:
        return [tuple(named)]
    found: list[tuple[str, ...]] = [
        (path,) for path in map(shutil.which, ('c++', 'g++', 'clang++')) if path]
    if importlib.util.find_spec('ziglang'):
        found.append((sys.executable, '-m', 'ziglang', 'c++'))
    return found


def cache() -> pathlib.Path:
    """The user's own folder of built libraries, made where it is missing.

    Raises:
      BuildError: it cannot be written, or others could put a library there.
    """
    root = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    folder = pathlib.Path(root).expanduser() / 'sparse_jax' / 'native'
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except (OSError, RuntimeError) as error:
        raise BuildError(f'{folder}: {error}') from error
    if hasattr(os, 'getuid') and (state.st_uid != os.getuid() or state.st_mode & 0o022):
        raise BuildError(f'{folder}: others may write there')
    return folder


def library(commands: Sequence[tuple[str, ...]] | None = None) -> pathlib.Path:
    """Path of the library, built now unless it is there.

    Args:
      commands: compilers to try, one after another; those of the machine by default.

    Raises:
      BuildError: none of them makes it; the message holds the last one's first line.
    """
    folder, reason = cache(), f'there is not {NEEDED}'
    for command in compilers() if commands is None else commands:
        try:
            target = folder / f'direct-{digest()}-{_fingerprint(command)}.so'
            if not target.exists():
                _compile(command, target)
            return target
        except (OSError, subprocess.SubprocessError) as error:
            reason = f'{" ".join(command)}: {_first_line(error)}'
    raise BuildError(reason)


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library of this process; None, after one line of warning, without one."""
    try:
        return ctypes.CDLL(str(library()))
    except (BuildError, OSError) as error:
        logging.getLogger(__name__).warning(
            'direct convolution is not built, patches are used: %s', error)
        return None


def _fingerprint(command: tuple[str, ...]) -> str:
    """Of what decides the machine code: the compiler's macros name its version and all
    features of the CPU that it will use."""
    macros = _run([*command, *FLAGS, '-dM', '-E', '-x', 'c++', os.devnull])
    whole = '\0'.join([*command, *FLAGS, metadata.version('jaxlib'), macros])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _compile(command: tuple[str, ...], target: pathlib.Path) -> None:
    """Under a name of its own, then renamed: two processes at once do no harm."""
    handle, name = tempfile.mkstemp(dir=target.parent, suffix='.tmp')
    os.close(handle)
    try:
        _run([*command, *FLAGS, '-shared', '-I', jax.ffi.include_dir(),
              str(SOURCES / MAIN), '-o', name])
        ctypes.CDLL(name)
        os.replace(name, target)
    finally:
        pathlib.Path(name).unlink(missing_ok=True)


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          timeout=TIMEOUT).stdout


def _first_line(error: Exception) -> str:
    """Of what a compiler told: the first line with an error, if one has it."""
    told = getattr(error, 'stderr', None) or str(error)
    text = told if isinstance(told, str) else told.decode(errors='replace')
    lines = text.strip().splitlines() or [type(error).__name__]
    return next((line for line in lines if 'error' in line), lines[0])
