"""Two processes, as on two hosts, run the search that one process runs."""

import socket

import numpy as np
import pytest

from sparse_jax.evaluation import hosts
from sparse_jax.evaluation.local import LocalExecutor
from sparse_jax.study.records import Study
from tests import tiny_study
from tests.launch.command_line import finish, run, start_search

SETTINGS = {
    'search.algorithm': 'random', 'search.rounds': 2, 'search.batch': 4,
    'search.initial_groups': 1, 'train.epochs': 6, 'train.batch_size': 32,
    'limits.max_macs': 200_000}


def _flags(port):
    return [(f'--host={i}', '--hosts=2', f'--coordinator=localhost:{port}')
            for i in range(2)], [{}, {}]


def _slurm(port):
    common = {'SLURM_JOB_ID': '1', 'SLURM_NTASKS': '2',
              'SLURM_STEP_NODELIST': 'localhost'}
    return [('--hosts=auto', f'--coordinator=localhost:{port}')] * 2, [
        common | {'SLURM_PROCID': str(i)} for i in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize('way', [_flags, _slurm])
def test_two_processes_find_what_one_finds(way, tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(('localhost', 0))
        port = free.getsockname()[1]
    flags, environments = way(port)

    def start(name, *more, environment=None):
        with monkeypatch.context() as patch:
            for variable, value in (environment or {}).items():
                patch.setenv(variable, value)
            return start_search(tmp_path / name, tmp_path / 'cache', SETTINGS, *more)

    finish(*(start('two', *given, environment=environment)
             for given, environment in zip(flags, environments)))
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
    programs = tiny_study.finished().programs
    executor = hosts.make_executor(programs.recipe, programs.shared, programs.machine)
    assert type(executor) is LocalExecutor
    executor.close()
    hosts.agree(None)


@pytest.mark.parametrize('flags,environment,words', [
    (['--hosts=two'], {}, ('--hosts=two', 'a number from 1, auto')),
    (['--hosts=2', '--host=2'], {}, ('--host=2', 'allowed: 0 to 1')),
    (['--hosts=2'], {}, ('--coordinator=', 'ADDRESS:PORT')),
    (['--hosts=auto'], {}, (
        'no variable says which process', 'SLURM_PROCID', 'TPU_WORKER_ID')),
    (['--hosts=auto', '--host=0'], {}, ('--host=0 with --hosts=auto',)),
    (['--hosts=auto'], {'RANK': '0'}, ('WORLD_SIZE, MASTER_ADDR, MASTER_PORT not',)),
    (['--hosts=auto', '--executor=ray'], {}, ('--executor=ray with --hosts=auto',)),
    (['--hosts=2', '--executor=ray', '--coordinator=a:1'], {}, ('not allowed tog',)),
    (['--executor=ray', '--ray_worker=cpu:0'], {}, ('--ray_worker=cpu:0', 'cpu, gpu')),
    (['--executor=ray', '--ray_address=nowhere'], {}, ("'nowhere'", 'HOST:PORT')),
    (['--executor=slurm'], {}, ('executor', 'local', 'ray')),
])
def test_flags_that_do_not_fit(flags, environment, words, capsys, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    seen = run(capsys, 'search', '--workdir=unused', *flags)
    assert seen.code == 2 and seen.err.count('\n') == 1
    assert all(word in seen.err for word in words), seen.err
