"""SIGINT and SIGTERM at any time after Python itself has started: one line, the end."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _catches(process, number):
    """Whether a process has a handler of its own for a signal."""
    for line in pathlib.Path(f'/proc/{process.pid}/status').read_text().splitlines():
        if line.startswith('SigCgt:'):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


@pytest.mark.skipif(not os.path.exists('/proc/self/status'), reason='asks the kernel')
@pytest.mark.parametrize('number, seconds', [
    (signal.SIGINT, 0.0), (signal.SIGTERM, 0.1), (signal.SIGINT, 0.4),
    (signal.SIGTERM, 1.0)])
def test_while_the_libraries_are_imported(number, seconds, tmp_path):
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip('ignored by whoever runs the tests, and so by the launcher')
    process = subprocess.Popen(
        [sys.executable, '-m', 'launch.search', f'--workdir={tmp_path}/run'], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not _catches(process, signal.SIGTERM) and process.poll() is None:
            time.sleep(0.002)
        time.sleep(seconds)
        process.send_signal(number)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert errors == 'error: stopped\n'
    # Nothing, or the first line of a search.
    assert out == '' or (out.startswith('search in ') and out.count('\n') == 1)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert not list(tmp_path.iterdir())


def test_a_program_that_catches_everything_is_ended(tmp_path):
    """Python would raise in the main thread, where libraries drop exceptions."""
    code = ('import os, signal\n'
            'from launch import interrupts\n'
            'interrupts.install()\n'
            'with interrupts.hint("more follows"):\n'
            '    while True:\n'
            '        try:\n'
            '            os.kill(os.getpid(), signal.SIGTERM)\n'
            '            sum(range(10**7))\n'
            '        except BaseException:\n'
            '            pass\n')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (143, 'error: stopped; more follows\n')


def test_signals_that_are_ignored_stay_ignored():
    code = ('import os, signal, time\n'
            'signal.signal(signal.SIGHUP, signal.SIG_IGN)\n'
            'from launch import interrupts\n'
            'interrupts.install()\n'
            'os.kill(os.getpid(), signal.SIGHUP)\n'
            'time.sleep(0.2)\n'
            'print("went on")\n')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, 'went on\n')
