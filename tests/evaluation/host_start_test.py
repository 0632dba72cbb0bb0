"""The start of a training on the host: what the traced one gives, to rounding."""

from typing import Any

import jax
import numpy as np
import pytest

from sparse_jax import host_random
from sparse_jax.evaluation import batching, host_start
from sparse_jax.evaluation.machine import Machine, make_mesh
from sparse_jax.evaluation.recipe import Inherited, Recipe, template
from sparse_jax.model import network, sizes
from sparse_jax.model.skeleton import EXACT, TierPolicy, split
from sparse_jax.ops.lowering import Lowering
from sparse_jax.pruning import gradual_magnitude, no_pruning, sparse_vd
from sparse_jax.space import encoding
from sparse_jax.space.network_file import check
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.train_config import TrainConfig
from tests import sampled, tiny_study

MACHINE = Machine(Lowering('patches'), make_mesh(1), 2)
RECIPE = Recipe(no_pruning(), TrainConfig(epochs=1, optimizer='muon'))
POINT = tiny_study.POINT | {
    'batch-norm': True, 'layer-type-block-1-layer-1': 'SeparableConv2D'}


def _split(policy):
    space = sparse_space((6, 6, 1), 2)
    row = encoding.encode(space, check(space, POINT))
    return split(encoding.graph(space, row), encoding.decode(space, row), policy)


@pytest.mark.parametrize('method', [no_pruning, gradual_magnitude])
def test_weights_masks_and_states_are_those_of_the_program(method):
    """Two slots: a fresh one, and one that inherits every second weight."""
    recipe = RECIPE._replace(method=method())
    skeleton, candidate = _split(TierPolicy())
    rng = np.random.default_rng(0)
    weights = template(skeleton, recipe)
    values = jax.tree.map(
        lambda leaf: rng.normal(size=(2, *leaf.shape)).astype(leaf.dtype), weights)
    mask = jax.tree.map(lambda leaf: rng.random((2, *leaf.shape)) < 0.5, weights)
    for leaf in jax.tree.leaves(mask):
        leaf[0] = False
    batch = batching.Batch(
        np.stack([np.asarray(jax.random.key_data(host_random.root_key(i)))
                  for i in (3, 4)]),
        jax.tree.map(lambda leaf: np.stack([np.asarray(leaf)] * 2), candidate),
        Inherited(values, mask, np.zeros(2, np.float32)), np.ones(2, bool))
    own = host_start.HostStart(recipe.procedure(skeleton), MACHINE)
    program = sampled.quick_jit(batching.phases(skeleton, recipe, MACHINE).start)
    found: Any
    expected: Any
    found, expected = (jax.device_get(start(batch)) for start in (own, program))
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for ours, its in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
        assert ours.dtype == its.dtype and ours.shape == its.shape
        if ours.dtype == np.float32:
            np.testing.assert_allclose(ours, its, rtol=2e-5, atol=1e-7)
        else:
            np.testing.assert_array_equal(ours, its)
    kernels = [leaf['kernel'] for leaf in found.state.params.values()
               if 'kernel' in leaf]
    assert all(kernel[0].any() for kernel in kernels)


def test_no_padding_changes_a_weight():
    """Those of an exact network are in the padded one, bit by bit."""
    seed, drawn = np.array([1, 2], np.uint32), []
    for policy in (TierPolicy((4, 16), (32,), ((2, 5),)), EXACT):
        skeleton, candidate = _split(policy)
        valid: Any = sizes.valid_weights(skeleton, candidate)
        params = network.host_init(seed, skeleton, valid)['params']
        drawn.append([params[name]['kernel'][mask['kernel']]
                      for name, mask in valid.items()])
    for padded, exact in zip(*drawn):
        np.testing.assert_array_equal(padded, exact)


def test_what_prunes_or_is_vmapped_starts_in_a_program():
    applies = host_start.applies
    assert applies(MACHINE, RECIPE)
    assert applies(MACHINE, RECIPE._replace(method=gradual_magnitude()))
    assert not applies(MACHINE, RECIPE._replace(method=sparse_vd()))
    assert not applies(MACHINE._replace(lowering=Lowering('patches', 'vmap')), RECIPE)
