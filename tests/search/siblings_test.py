"""Siblings share a program, and are ready for vmap."""

import functools

import jax
import numpy as np
import pytest

from sparse_jax.model.skeleton import pad
from sparse_jax.pruning import no_pruning
from sparse_jax.search.siblings import siblings
from sparse_jax.space import encoding
from sparse_jax.training import Procedure, initialise
from tests import sampled, tiny_study


@pytest.fixture(scope='module')
def space():
    return tiny_study.finished().setup.space


def test_they_are_distinct_points_of_one_skeleton(space):
    row = tiny_study.base_row(space)
    found = siblings(jax.random.key(0), space, row, 6, sampled.RANGES)
    assert found.rows.shape == (6, len(row)) and len(np.unique(found.rows, axis=0)) == 6
    np.testing.assert_array_equal(found.rows[0], row)
    for graph in encoding.graphs(space, found.rows):
        assert pad(graph, sampled.RANGES) == found.skeleton
    assert {leaf.shape[0] for leaf in jax.tree.leaves(found.candidates)} == {6}
    assert len(set(found.candidates.learning_rate.tolist())) > 1
    again = siblings(jax.random.key(0), space, row, 6, sampled.RANGES)
    np.testing.assert_array_equal(again.rows, found.rows)


def test_they_go_through_one_vmapped_program(space):
    found = siblings(
        jax.random.key(1), space, tiny_study.base_row(space), 3, sampled.RANGES)
    start = functools.partial(
        initialise, procedure=Procedure(found.skeleton, no_pruning()))
    keys = jax.random.split(jax.random.key(2), 3)
    states = sampled.quick_jit(jax.vmap(start))(keys, found.candidates)
    for i in range(3):
        alone = sampled.quick_jit(start)(
            keys[i], jax.tree.map(lambda leaf, i=i: leaf[i], found.candidates))
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b),
                     states.params, alone.params)


def test_alone_it_is_the_point(space):
    row = tiny_study.base_row(space)
    found = siblings(jax.random.key(0), space, row, 1, sampled.RANGES)
    np.testing.assert_array_equal(found.rows, row[None])
    with pytest.raises(ValueError, match='num: 0 is not allowed'):
        siblings(jax.random.key(0), space, row, 0, sampled.RANGES)
