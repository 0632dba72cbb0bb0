"""How many workers the nodes of a cluster hold; pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

DEVICES = ('auto', 'cpu', 'gpu')
"""What a worker trains on: a share of the cores, or one GPU; 'auto' is gpu where a
node has one."""


class Place(NamedTuple):
    """A node that holds workers."""

    node: str
    """Its id."""
    host: str
    """Its name, for the reader."""
    workers: int
    cpus: int
    """Cores of each worker."""
    gpus: int
    """GPUs of each worker: 0 or 1."""


def device_of(nodes: Iterable[Mapping[str, Any]], device: str = 'auto') -> str:
    """'cpu' or 'gpu': what workers train on."""
    if device != 'auto':
        return device
    has_gpu = any(_amount(node, 'GPU') for node in nodes if node['Alive'])
    return 'gpu' if has_gpu else 'cpu'


def places(
    nodes: Iterable[Mapping[str, Any]], device: str, cpus: int = 0
) -> list[Place]:
    """The nodes that hold workers.

    Args:
      nodes: of `ray.nodes()`.
      device: 'cpu' or 'gpu'.
      cpus: cores of a worker; 0 for all of a node's, divided among its GPUs.

    Returns:
      One place for every living node on which a worker fits.
    """
    found = []
    for node in nodes:
        if not node['Alive']:
            continue
        cores = _amount(node, 'CPU')
        most = _amount(node, 'GPU') if device == 'gpu' else cores
        each = cpus or (cores // max(1, most) if device == 'gpu' else cores)
        workers = min(most, cores // each) if each else most
        if workers:
            found.append(Place(node['NodeID'], node['NodeManagerHostname'], workers,
                               each, int(device == 'gpu')))
    return found


def _amount(node: Mapping[str, Any], resource: str) -> int:
    return int(node['Resources'].get(resource, 0))
