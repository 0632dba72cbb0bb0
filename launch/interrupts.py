"""Ctrl-C and SIGTERM: one line and the end, at any time and whatever is running.

Python tells its main thread of a signal, between two of its own instructions. A main
thread that imports, compiles or trains hears of it late, or inside a callback whose
exceptions are dropped. Here a thread of its own reads the signals from a pipe that the
system's handler fills. Everything on disk is written so that a process may end at any
instruction, which this relies on.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""Exit codes, as shells have them."""

_children: list[subprocess.Popen] = []
_hints: list[str] = []
"""What the line says after 'stopped'; the last one counts."""


_taken: list[signal.Signals] = []
"""The signals that end this process since `install`."""


def take_back() -> None:
    """Be told of the signals again, after a library has set handlers of its own."""
    for number in _taken:
        signal.signal(number, lambda *_: None)


def install() -> None:
    """End this process with one line on any of `CODES` from now on.

    Signals that the caller of this process ignores (nohup, a shell's background) stay
    ignored.
    """
    ends, starts = os.pipe()
    os.set_blocking(starts, False)
    _taken.extend(number for number in CODES
                  if signal.getsignal(number) != signal.SIG_IGN)
    take_back()
    signal.set_wakeup_fd(starts, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(ends,), daemon=True, name='signals').start()


@contextlib.contextmanager
def hint(text: str) -> Iterator[None]:
    """Add `text` to the line of a process that is stopped meanwhile."""
    _hints.append(text)
    try:
        yield
    finally:
        _hints.pop()


@contextlib.contextmanager
def child(process: subprocess.Popen) -> Iterator[None]:
    """Stop a process together with this one."""
    _children.append(process)
    try:
        yield
    finally:
        _children.remove(process)


def _watch(ends: int) -> None:
    while True:
        for number in os.read(ends, 64):
            if number in CODES:
                stop(CODES[signal.Signals(number)])


def stop(code: int) -> None:
    """Say that the process was stopped and end it, waiting for nothing."""
    for process in list(_children):
        with contextlib.suppress(OSError):
            process.terminate()
    if os.isatty(1):
        os.write(1, b'\x1b[?25h\n')  # The cursor, which a progress bar hides.
    line = '; '.join(['error: stopped', *_hints[-1:]])
    with contextlib.suppress(OSError):
        os.write(2, f'{line}\n'.encode(getattr(sys.stderr, 'encoding', None) or 'utf-8',
                                       'backslashreplace'))
    os._exit(code)
