"""A Ray cluster of this machine."""

import os

import pytest


@pytest.fixture(scope='module')
def cluster():
    """A head that trains nothing and a node with two cores."""
    ray = pytest.importorskip('ray', reason="needs pip install 'sparse_jax[ray]'")
    from ray.cluster_utils import Cluster

    os.environ['RAY_USAGE_STATS_ENABLED'] = '0'
    made = Cluster(initialize_head=True, head_node_args={
        'num_cpus': 0, 'include_dashboard': False})
    made.first = made.add_node(num_cpus=2)
    yield made
    ray.shutdown()
    made.shutdown()
