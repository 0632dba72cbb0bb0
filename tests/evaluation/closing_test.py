"""An executor that is closed while programs wait to be compiled."""

import threading
from unittest import mock

import pytest

from sparse_jax.evaluation import hosts
from sparse_jax.evaluation.hosts import HostsExecutor
from sparse_jax.evaluation.local import LocalExecutor
from sparse_jax.evaluation.programs import Programs
from tests import tiny_study

PATIENCE = 10


@pytest.fixture
def compiling(monkeypatch):
    """(executor of a kind -> itself, what ends its one compilation)."""
    programs, ends = tiny_study.finished().programs, threading.Event()
    monkeypatch.setattr('os.cpu_count', lambda: 1)
    monkeypatch.setattr(
        Programs, '_compile', lambda *_: ends.wait(PATIENCE) and None)
    yield lambda kind: kind(programs.recipe, programs.shared, programs.machine), ends
    ends.set()


@pytest.mark.parametrize('kind', [LocalExecutor, HostsExecutor])
def test_threads_that_wait_for_a_program_are_woken(kind, compiling, monkeypatch):
    """The program that compiles is one of the round after: nothing else wakes them, and
    a process does not end before its threads."""
    make, ends = compiling
    executor = make(kind)
    programs = executor.programs
    monkeypatch.setattr(hosts, '_broadcast', mock.Mock())
    runs = programs.prefetch('of the next round', None)
    waits = [programs.prefetch(name, None) for name in 'ab']
    threads = [threading.Thread(
        target=programs.wait_for_any, args=(names,), daemon=True)
        for names in ('ab', 'b')]
    for thread in threads:
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
    executor.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert all(future.cancelled() for future in waits) and not runs.done()
    ends.set()
    assert runs.result(PATIENCE) is None
    executor.close()
    with pytest.raises(RuntimeError, match='after shutdown'):
        programs.get('a', None)
