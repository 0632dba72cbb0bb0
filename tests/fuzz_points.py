"""Random points of spaces over several image shapes, and a morph of each."""

import jax
import numpy as np

from sparse_jax.space import encoding, morphisms
from sparse_jax.space.sparse_space import sparse_space

SHAPES = ((8, 8, 1), (28, 28, 1), (32, 32, 3), (11, 9, 3), (5, 6, 1))


def spaces() -> list:
    """For every image shape one with the table's uniform prior and two without."""
    return [sparse_space(shape, 4 + i, prior=prior)
            for i, shape in enumerate(SHAPES)
            for prior in ('log-uniform', 'log-uniform', 'uniform')]


def points(seed: int, count: int):
    """(space, row) of `count` draws from the priors and of a morph of each."""
    every = spaces()
    for i, space in enumerate(every):
        number = (count + len(every) - 1 - i) // len(every)
        key = jax.random.fold_in(jax.random.key(seed), i)
        rows = encoding.sample(jax.random.fold_in(key, 0), space, number)
        children = morphisms.morph(jax.random.fold_in(key, 1), space, rows)
        both = np.concatenate([rows, children])
        assert (np.abs(rows - children) > 1e-9).any(axis=1).all()
        assert encoding.feasible(space, both).all()
        np.testing.assert_allclose(
            encoding.canonical(space, both), both, rtol=0, atol=1e-12)
        yield from ((space, row) for row in both)
