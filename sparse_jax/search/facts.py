"""What is known of a point before it is trained: its network before pruning."""

import functools

import numpy as np

from sparse_jax.acquisition.scoring import Facts
from sparse_jax.objectives import graph_costs
from sparse_jax.objectives.goals import COUNTED, Objectives, counted
from sparse_jax.objectives.lower_bounds import least
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space

_LIKE = {'flash': 'model_size', 'ram': 'working_memory', 'instructions': 'macs',
         'latency': 'macs'}
"""The counted cost that a measured one grows with."""


def facts_of(
    space: Space, objectives: Objectives, rows: np.ndarray, *, prunes: bool
) -> Facts:
    """What is known of canonical rows [N, D].

    The surrogate models every cost as a share of the cost before pruning: what pruning
    leaves is learned, what the architecture decides is not. A counted cost lies between
    that of the cheapest path and that before pruning; where both are equal, as always
    without pruning, it is an exact function of the point.
    """
    facts = Facts.nothing(len(rows), len(objectives.names))
    for i, graph in enumerate(encoding.graphs(space, rows)):
        for of_all, of_one in zip(facts, _of_graph(graph, objectives, prunes)):
            of_all[i] = of_one
    return facts


@functools.lru_cache(maxsize=65_536)
def _of_graph(graph, objectives, prunes):
    """[K] lower bounds, upper bounds and scales."""
    totals, bounds = graph_costs.graph_totals(graph), least(graph, prunes)
    low, high, scale = [0.0], [1.0], [1.0]
    for name in objectives.names[1:]:
        before = float(counted(totals, _LIKE.get(name, name), objectives))
        known = name in COUNTED
        low.append(float(counted(bounds, name, objectives)) if known else -np.inf)
        high.append(before if known else np.inf)
        scale.append(max(before, 1.0))
    return low, high, scale
