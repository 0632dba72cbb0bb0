"""Searches on a real Ray cluster of this machine: the study of one process, whatever
happens to the workers."""

import importlib
import os
import signal
import sys
import threading
import time
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from sparse_jax import processor
from sparse_jax.evaluation.cluster import crew, identity, ray_executor
from sparse_jax.evaluation.cluster.parts import Queue
from sparse_jax.search import loop, setup
from sparse_jax.study.record import StudyWarning
from sparse_jax.study.records import Study
from sparse_jax.study.weights_file import pack
from tests import tiny_study

# Importing it takes a second, of every process that collects tests.
pytestmark = pytest.mark.skipif(
    not find_spec('ray'), reason="needs pip install 'sparse_jax[ray]'")

CHANGES = {'runtime__devices': 1, 'search__batch': 4, 'search__rounds': 3}


@pytest.fixture(scope='module')
def local(tmp_path_factory):
    """The study of a search in this process."""
    return _searched(tmp_path_factory.mktemp('local'), tiny_study.build(**CHANGES))


@pytest.fixture
def build(cluster):
    """Builds the tiny search on the cluster; its workers end with the test."""
    built = []

    def make(cpus=1, **changes):
        options = ray_executor.Options(cluster.address, cpus=cpus)
        settings = tiny_study.settings(**(CHANGES | changes))
        with tiny_study.small_space():
            built.append(setup.build(
                settings, make_executor=ray_executor.factory(settings, options)))
        return built[-1]

    yield make
    for search in built:
        search.evaluator.executor.close()


def _searched(folder, built, callback=lambda progress: None):
    study = Study(folder)
    loop.run(built, study, callback)
    return study


def _same(left, right):
    rows = lambda s: [tiny_study.comparable(row) for row in s.networks()]
    assert rows(left) == rows(right) and len(left.rows()) == 12
    for row in left.rows():
        number = row.trial.number
        assert pack(left.weights(number)) == pack(right.weights(number))
    rounds = [[r.hypervolume for r in s.rounds()] for s in (left, right)]
    assert rounds[0] == rounds[1]


def _crew(built):
    return built.evaluator.executor._crew


def _started(workers):
    """How many have said what they are."""
    workers.look()
    return sum(hand.facts is not None for hand in workers.hands)


def _within(seconds, happens):
    """Wait until something happens."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_workers_give_the_study_of_one_process(build, local, tmp_path):
    built = build()
    # One alone, if it starts first, may have trained everything before the other one.
    _within(300, lambda: _started(_crew(built)) == 2)
    study = _searched(tmp_path, built)
    _same(study, local)
    hands = _crew(built).hands
    assert len({hand.facts.process for hand in hands}) == 2
    assert os.getpid() not in {hand.facts.process for hand in hands}
    assert all(hand.served for hand in hands)
    assert {hand.facts.vectors for hand in hands} == {processor.vectors()}
    assert _crew(built)._vectors == [processor.vectors()][:bool(processor.vectors())]
    stats = built.evaluator.executor.stats()
    assert stats.programs == 1 and stats.compile_seconds > 0


@pytest.mark.slow
@pytest.mark.parametrize(('slots', 'devices'), [(0, 1), (3, 1), (4, 2)])
def test_batches_of_candidates_too(build, tmp_path, slots, devices):
    changes = {'runtime__mapping': 'vmap', 'runtime__slots': slots,
               'runtime__devices': devices, 'search__rounds': 1}
    here = _searched(tmp_path / 'here', tiny_study.build(**(CHANGES | changes)))
    there = _searched(tmp_path / 'there', build(**changes))
    for row in here.rows():
        number = row.trial.number
        assert pack(here.weights(number)) == pack(there.weights(number))


def test_workers_with_a_gpu_decide_the_lowering(monkeypatch):
    nodes = [{'Alive': True, 'Resources': {'CPU': 8.0, 'GPU': 2.0}}]
    fake = SimpleNamespace(nodes=lambda: nodes)
    monkeypatch.setattr(ray_executor, 'connect', lambda address: (fake, False))
    settings = tiny_study.settings()
    found = ray_executor.suited(settings, ray_executor.Options()).runtime
    assert (found.conv, found.mapping) == ('tiled', 'vmap')
    assert ray_executor.platform(ray_executor.Options()) == 'gpu'
    assert ray_executor.platform(ray_executor.Options(device='cpu')) == 'cpu'
    mapped = tiny_study.settings(runtime__mapping='map')
    assert ray_executor.suited(
        mapped, ray_executor.Options()).runtime.mapping == 'map'
    on_cpu = ray_executor.Options(device='cpu')
    assert ray_executor.suited(settings, on_cpu) is settings


@pytest.mark.slow
def test_workers_are_killed_join_and_leave(
        build, cluster, local, tmp_path, monkeypatch):
    lost, killed, nodes = [], [], []
    give_back = Queue.give_back

    def keep(queue, part):
        lost.append(part)
        give_back(queue, part)

    monkeypatch.setattr(Queue, 'give_back', keep)
    built = build()
    executor = built.evaluator.executor

    def kill():
        _within(300, lambda: executor._flying)
        time.sleep(0.05)
        hand, _ = next(iter(executor._flying.values()))
        killed.append(hand)
        os.kill(hand.facts.process, signal.SIGKILL)

    def ready(count):
        _crew(built).look()
        return len(_crew(built).idle()) == count

    def callback(progress):
        if progress.phase == 'finished round' and progress.round == 0:
            assert [part.lost for part in lost] == [1]
            assert killed[0] not in _crew(built).hands
            nodes.append(cluster.add_node(num_cpus=1).node_id)
            # One in place of the killed one, one on the new node.
            _within(300, lambda: ready(3))
        elif progress.phase == 'finished round' and progress.round == 1:
            assert nodes[0] in {h.place.node for h in _crew(built).hands if h.served}
            cluster.remove_node(cluster.first, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    study = _searched(tmp_path, built, callback)
    killer.join()
    _same(study, local)
    # Nobody is blamed for a node that leaves.
    assert all(part.lost == 0 for part in lost[1:])
    _within(300, lambda: _crew(built).look() or {
        hand.place.node for hand in _crew(built).hands} == set(nodes))


def test_workers_unlike_the_decider_are_not_used(build, cluster, monkeypatch):
    there = identity.identity('patches')
    monkeypatch.setattr(
        ray_executor, 'identity', lambda conv: there | {'jax': '0.0.1'})
    built = build()
    with pytest.warns(StudyWarning, match='jax 0.*here 0.0.1.*not used'), \
            pytest.raises(crew.ClusterError, match='has another jax'):
        _within(300, lambda: _crew(built).look())


@pytest.mark.parametrize('changes,match', [
    ({'cpus': 64}, 'no node of the Ray cluster has 64 CPU cores'),
    ({'device': 'gpu'}, 'any CPU cores and a GPU'),
])
def test_a_cluster_without_room(cluster, changes, match):
    options = ray_executor.Options(cluster.address, **changes)
    settings = tiny_study.settings()
    with pytest.raises(crew.ClusterError, match=match):
        setup.build(settings, make_executor=ray_executor.factory(settings, options))
    assert not importlib.import_module('ray').is_initialized()


def test_addresses_that_are_none():
    for address, match in (('ray://host:1', 'no address of a Ray cluster'),
                           ('localhost', 'no address of a Ray cluster'),
                           ('localhost:1', 'no Ray cluster at .localhost:1')):
        with pytest.raises(crew.ClusterError, match=match):
            crew.connect(address)


def test_ray_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(crew.ClusterError, match=r'pip install .sparse_jax\[ray\]'):
        crew.connect('')
