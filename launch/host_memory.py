"""Memory of the host that glibc's allocator holds beyond what is in use.

It gives every thread an arena of its own, up to eight per core, and hands pages back
where an arena ends alone. Compiling in threads leaves arenas that are mostly holes.
Elsewhere than with glibc nothing happens.
"""

import ctypes
import functools
import os

_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's malloc.h."""


def few_arenas() -> None:
    """Let threads share arenas: two, or one per core. What the environment says of it
    (MALLOC_ARENA_MAX) stays. For the start of a program, before there are threads."""
    libc = _glibc()
    if libc is not None and 'MALLOC_ARENA_MAX' not in os.environ:
        libc.mallopt(_ARENA_MAX, max(2, _cores()))


def give_back() -> None:
    """Hand free pages of all arenas back to the machine; takes milliseconds."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(ctypes.c_size_t(0))


def _cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    """The C library of this process if it is glibc: others have no arenas."""
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    needed = 'gnu_get_libc_version', 'mallopt', 'malloc_trim'
    return libc if all(hasattr(libc, name) for name in needed) else None
