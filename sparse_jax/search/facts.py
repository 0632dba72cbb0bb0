"""What is known of a point before it is trained: its network before pruning."""

import functools

import numpy as np

from sparse_jax.acquisition.scoring import Facts
from sparse_jax.objectives import graph_costs
from sparse_jax.search.objectives import COUNTED, Objectives, counted
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space

_LIKE = {'flash': 'model_size', 'ram': 'working_memory', 'instructions': 'macs',
         'latency': 'macs'}
"""The counted cost that a measured one grows with."""


def facts_of(
    space: Space, objectives: Objectives, rows: np.ndarray, *, prunes: bool
) -> Facts:
    """What is known of canonical rows [N, D].

    Without pruning, counted costs are exact functions of the point. With it, the
    surrogate models every cost as a share of the cost before pruning: what pruning
    leaves is learned, what the architecture decides is not.
    """
    facts = Facts.nothing(len(rows), len(objectives.names))
    for i, graph in enumerate(encoding.graphs(space, rows)):
        facts.known[i], facts.scale[i] = _of_graph(graph, objectives, prunes)
    return facts


@functools.lru_cache(maxsize=65_536)
def _of_graph(graph, objectives, prunes):
    totals = graph_costs.graph_totals(graph)
    known, scale = [np.nan], [1.0]
    for name in objectives.names[1:]:
        before = float(counted(totals, _LIKE.get(name, name), objectives))
        exact = not prunes and name in COUNTED
        known.append(before if exact else np.nan)
        scale.append(max(before, 1.0))
    return known, scale
