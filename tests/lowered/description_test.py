"""Texts of static values: equal in every process, different where programs are."""

import dataclasses
import functools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import pruning
from sparse_jax.lowered.description import (
    NoDescription,
    arguments,
    describe,
    sources,
)
from sparse_jax.objectives.target import Target
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.step import Variables

PRINTED = '''
from sparse_jax.lowered.description import describe, sources
from sparse_jax.pruning import METHODS
print(describe([[make() for make in METHODS.values()], {'b', 'a', 'c'}]), sources())
'''


def test_another_process_says_the_same():
    said = subprocess.run(
        [sys.executable, '-c', PRINTED], capture_output=True, text=True, check=True,
        env=os.environ | {'PYTHONHASHSEED': '7'}).stdout
    values = [[make() for make in METHODS.values()], {'c', 'a', 'b'}]
    assert said == f'{describe(values)} {sources()}\n'


def test_different_values_differ():
    node = Node('a', 'conv', ('input',), 4, 3, 3)
    add = lambda m: functools.partial(jnp.sin, m)
    values = [
        None, 1, 1.0, True, '1', b'1', (1,), [1], {1}, {1: 2}, {2: 1}, np.float32(1),
        np.ones(1), np.ones((1, 1)), np.ones(1, np.int32), jax.random.key(1),
        jax.random.key(2), node, dataclasses.replace(node, channels=5), TrainConfig(),
        TrainConfig(epochs=3), Target((('macs', 3.0),)), Target((('macs', 4.0),)),
        Variables({}, {}, {}), ({}, {}, {}), jnp.sin, jnp.cos, add(1), add(2),
        Variables, float('nan'), pruning.sparse_vd(cut=2.0),
        *(make() for make in METHODS.values())]
    texts = [describe(value) for value in values]
    assert len(set(texts)) == len(values)
    assert texts[:-len(METHODS)] == list(map(describe, values[:-len(METHODS)]))
    assert describe(pruning.sparse_vd()) == describe(pruning.sparse_vd(cut=3.0))


def test_functions_of_one_name_differ_by_what_they_hold_and_do():
    made = pruning.sparse_vd(cut=3.0)._replace(penalty=jnp.sin)
    other = pruning.bayes_compress()
    assert describe(made.mean) != describe(other.mean)
    assert describe(made) != describe(pruning.sparse_vd(cut=3.0))


class _Settings(tuple):
    """A type of a module that no version stands for."""


@pytest.mark.parametrize('value', [
    lambda x: x, functools.partial(lambda x: x), _Settings((1,)), object(),
    np.array([object()]), pruning.sparse_vd()._replace(mean=lambda *_: None)])
def test_what_is_of_other_modules_has_no_description(value):
    with pytest.raises(NoDescription):
        describe(value)


def test_arguments_are_told_by_shapes_and_places_alone():
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ('candidate',))
    split, whole = (jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(axis))
                    for axis in ('candidate', None))
    leaf = lambda shape=(2, 3), dtype=jnp.float32, where=None: jax.ShapeDtypeStruct(
        shape, dtype, sharding=where)
    different = [leaf(), leaf((3, 2)), leaf(dtype=jnp.int32), leaf(where=split),
                 leaf(where=whole), (leaf(),), [leaf()], {'a': leaf()}, np.int32(1), 1,
                 1.0]
    assert len({arguments(value) for value in different}) == len(different)
    assert arguments(np.int32(1)) == arguments(np.int32(2))
    assert arguments(jnp.ones((2, 3))) == arguments(jnp.zeros((2, 3)))
