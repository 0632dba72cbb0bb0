"""Search algorithms, all of them values of `SearchAlgorithm`."""

from sparse_jax.search.algorithms.bayesian import (
    Model,
    ehvi,
    layout_of,
    mobo,
    qnparego,
    sparse_ucb,
)
from sparse_jax.search.algorithms.common import Rules
from sparse_jax.search.algorithms.evolution import aging_evolution, nsga2
from sparse_jax.search.algorithms.random_search import random_search

__all__ = [
    'Model',
    'Rules',
    'aging_evolution',
    'ehvi',
    'layout_of',
    'mobo',
    'nsga2',
    'qnparego',
    'random_search',
    'sparse_ucb',
]
