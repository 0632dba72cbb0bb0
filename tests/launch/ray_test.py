"""launch.search --executor=ray, as a person starts and stops it."""

import os
import signal
import time
from importlib.util import find_spec

import pytest

from sparse_jax.study.records import Study
from sparse_jax.study.weights_file import pack
from tests.launch.command_line import finish, start_search
from tests.launch.hosts_test import SETTINGS

pytestmark = pytest.mark.skipif(
    not find_spec('ray'), reason="needs pip install 'sparse_jax[ray]'")


def _children(process):
    """Processes that a process has started, and theirs."""
    found, left = set(), [process]
    while left:
        path = f'/proc/{left.pop()}/task'
        for thread in os.listdir(path) if os.path.exists(path) else ():
            with open(f'{path}/{thread}/children') as file:
                new = {int(word) for word in file.read().split()} - found
            found |= new
            left += new
    return found


def _runs(process):
    try:
        with open(f'/proc/{process}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists('/proc/self/stat'), reason='Linux')
def test_a_stopped_search_on_ray_goes_on_alone(tmp_path):
    """The study of local trainings, and no process is left behind."""
    flags = ('--executor=ray', '--ray_worker=cpu:1')
    start = lambda name, *more: start_search(
        tmp_path / name, tmp_path / 'cache', SETTINGS, *more)
    process = start('two', *flags)
    path = tmp_path / 'two' / 'study.sqlite'
    done = lambda: path.exists() and any(
        row.costs for row in Study(path.parent, create=False).rows())
    while not done():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.2)
    children = _children(process.pid)
    assert len(children) > 3
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143 and errors.count('\n') == 1, errors
    end = time.monotonic() + 120
    while any(map(_runs, children)):
        assert time.monotonic() < end
        time.sleep(0.5)
    finish(start('two', *flags))
    finish(start('one'))
    one, two = (Study(tmp_path / name, create=False) for name in ('one', 'two'))
    assert len(one.rows()) == len(two.rows()) == 8
    for left, right in zip(one.rows(), two.rows()):
        assert left.error == right.error and left.costs == right.costs
        number = left.trial.number
        assert pack(one.weights(number)) == pack(two.weights(number))
