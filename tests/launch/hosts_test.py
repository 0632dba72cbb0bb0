"""Two processes, as on two hosts, run the search that one process runs."""

import socket

import numpy as np
import pytest

from sparse_jax.evaluation import hosts
from sparse_jax.evaluation.local import LocalExecutor
from sparse_jax.study.records import Study
from tests import tiny_study
from tests.launch.command_line import finish, start_search

SETTINGS = {
    'search.algorithm': 'random', 'search.rounds': 2, 'search.batch': 4,
    'search.initial_groups': 1, 'train.epochs': 6, 'train.batch_size': 32,
    'limits.max_macs': 200_000}


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path):
    with socket.socket() as free:
        free.bind(('localhost', 0))
        port = free.getsockname()[1]
    flags = ('--hosts=2', f'--coordinator=localhost:{port}')
    start = lambda name, *more: start_search(
        tmp_path / name, tmp_path / 'cache', SETTINGS, *more)
    finish(*(start('two', f'--host={i}', *flags) for i in range(2)))
    finish(start('one'))
    one, two = (Study(tmp_path / name, create=False).rows() for name in ('one', 'two'))
    assert len(one) == len(two) == 8
    for left, right in zip(one, two):
        assert left.point == right.point and left.ok and right.ok
        assert left.unpruned == right.unpruned
        assert left.trial.parent == right.trial.parent
        # Programs over one device and over two are fused, and so rounded, differently.
        assert left.error == pytest.approx(right.error, abs=0.05)
        assert left.costs.model_size == pytest.approx(right.costs.model_size, rel=0.05)


def test_a_call_survives_the_wire():
    leaves = [np.ones((2, 3), bool), np.uint32([[5], [6]])]
    call = hosts.Call(np.arange(3) / 3, 7, leaves)
    again = hosts._decode(hosts._encode(call))
    np.testing.assert_array_equal(again.row, call.row)
    assert again.epochs == 7
    for left, right in zip(call.leaves, again.leaves):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


def test_one_process_tells_nobody(monkeypatch):
    assert hosts.alone() and hosts.leads()
    monkeypatch.setattr(hosts, '_broadcast', lambda array: pytest.fail('told'))
    executor = tiny_study.finished().setup.evaluator.executor
    assert type(executor) is LocalExecutor
    executor.close()
    hosts.agree(None)
