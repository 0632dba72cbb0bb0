"""Programs as tasks of a real Ray cluster."""

import os
import sys
import time
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from launch import machines, sweep_elsewhere
from sparse_jax.evaluation.cluster import tasks
from sparse_jax.evaluation.cluster.crew import ClusterError
from sparse_jax.sweep.commands import Command

pytestmark = pytest.mark.skipif(
    not find_spec('ray'), reason="needs pip install 'sparse_jax[ray]'")


def _task(folder, program, log='log.txt'):
    return tasks.Task((sys.executable, '-c', program), str(folder), str(folder / log))


def _gone(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_programs_run_beside_each_other(cluster, tmp_path):
    # Each waits for what the other one makes.
    wait = ('import os, time\n'
            'open("{0}", "w").close()\n'
            'while not os.path.exists("{1}"): time.sleep(0.05)\n'
            'print("{0} on", os.environ["JAX_PLATFORMS"]); raise SystemExit({2})')
    planned = [_task(tmp_path, wait.format('a', 'b', 0), 'logs/a.txt'),
               _task(tmp_path, wait.format('b', 'a', 3), 'logs/b.txt'),
               _task(tmp_path, 'import nosuch', 'logs/c.txt')]
    ended = tasks.run(planned, address=cluster.address)
    assert sorted(ended) == [(0, 0), (1, 3), (2, 1)]
    said = {path.name: path.read_text() for path in (tmp_path / 'logs').iterdir()}
    assert said['a.txt'] == 'a on cpu\n' and said['b.txt'] == 'b on cpu\n'
    assert "No module named 'nosuch'" in said['c.txt']


def test_what_is_left_ends_with_the_caller(cluster, tmp_path):
    sleep = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'
    ended = tasks.run([_task(tmp_path, 'pass', 'short.txt'), _task(tmp_path, sleep)],
                      address=cluster.address)
    assert next(ended) == (0, 0)
    end = time.monotonic() + 60
    log = tmp_path / 'log.txt'
    while not (log.exists() and log.read_text()):
        assert time.monotonic() < end
        time.sleep(0.05)
    ended.close()
    while not _gone(int(log.read_text())):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_cluster_without_room(cluster, tmp_path):
    with pytest.raises(ClusterError, match='no node of the Ray cluster has 64 CPU'):
        next(tasks.run([_task(tmp_path, 'pass')], address=cluster.address, cpus=64))


def test_points_of_a_sweep(cluster, tmp_path, capsys):
    value = lambda text: SimpleNamespace(value=text)
    given = sweep_elsewhere.Flags(
        value(''), value(''), value(0), machines.Ray(
            value(cluster.address), value('cpu:2')))
    program = 'import sys; print(sys.argv[1:]); sys.exit(sys.argv[1] == "--bad")'
    points = [Command(i, name, {}, tmp_path / name, (
        sys.executable, '-c', program, f'--{name}', *more))
        for i, (name, more) in enumerate([
            ('good', ['--config.runtime.workers=7']), ('bad', [])])]
    assert sweep_elsewhere.run_on_ray(given, points, tmp_path) == {'bad'}
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.partition(' ')[2] for line in lines[-2:]) == [
        'bad: failed with exit code 1', 'good: finished']
    logs = [(tmp_path / 'logs' / f'{name}.txt').read_text() for name in ('good', 'bad')]
    assert logs == ["['--good', '--config.runtime.workers=7']\n",
                    "['--bad', '--config.runtime.workers=2']\n"]
