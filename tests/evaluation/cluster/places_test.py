"""How many workers fit where: by hand."""

import pytest

from sparse_jax.evaluation.cluster.places import Place, device_of, places


def _node(name, alive=True, **resources):
    return {'NodeID': name, 'NodeManagerHostname': f'host-{name}', 'Alive': alive,
            'Resources': {k: float(v) for k, v in resources.items()}}


HEAD, SMALL, BIG = _node('h', memory=9), _node('s', CPU=4), _node('b', CPU=16, GPU=2)
GONE = _node('g', alive=False, CPU=64, GPU=8)


@pytest.mark.parametrize('device,cpus,expected', [
    ('cpu', 0, [('s', 1, 4, 0), ('b', 1, 16, 0)]),
    ('cpu', 3, [('s', 1, 3, 0), ('b', 5, 3, 0)]),
    ('cpu', 8, [('b', 2, 8, 0)]),
    ('cpu', 32, []),
    ('gpu', 0, [('b', 2, 8, 1)]),
    ('gpu', 2, [('b', 2, 2, 1)]),
    ('gpu', 12, [('b', 1, 12, 1)]),
])
def test_workers_of_nodes(device, cpus, expected):
    assert places([HEAD, SMALL, BIG, GONE], device, cpus) == [
        Place(name, f'host-{name}', *rest) for name, *rest in expected]


def test_a_gpu_needs_no_core_of_its_own():
    assert places([_node('x', CPU=1, GPU=2)], 'gpu') == [Place('x', 'host-x', 2, 0, 1)]


def test_the_device_of_a_cluster():
    assert device_of([HEAD, SMALL, GONE]) == 'cpu'
    assert device_of([HEAD, SMALL, BIG]) == 'gpu'
    assert device_of([SMALL], 'gpu') == 'gpu' and device_of([BIG], 'cpu') == 'cpu'
