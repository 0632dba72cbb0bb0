"""Search algorithms, all of them values of `SearchAlgorithm`, and their registry."""

from sparse_jax.search.algorithms.bayesian import ehvi, qnparego, sparse, sparse_ucb
from sparse_jax.search.algorithms.common import RULES, Rules
from sparse_jax.search.algorithms.evolution import aging_evolution, nsga2
from sparse_jax.search.algorithms.model import MODEL, Model, layout_of
from sparse_jax.search.algorithms.random_search import random_search
from sparse_jax.search.algorithms.registry import ALGORITHMS, Factory, find, make

__all__ = [
    'ALGORITHMS',
    'MODEL',
    'RULES',
    'Factory',
    'Model',
    'Rules',
    'aging_evolution',
    'ehvi',
    'find',
    'layout_of',
    'make',
    'nsga2',
    'qnparego',
    'random_search',
    'sparse',
    'sparse_ucb',
]
