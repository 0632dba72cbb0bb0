"""Max-pooling: values, gradients, and no NaN however the compiler rounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model.network import SparseNet
from sparse_jax.ops import lowering
from sparse_jax.space.architecture import Graph, Node
from tests import sampled


@pytest.mark.parametrize('side', [4, 5])
def test_values_and_gradients(side):
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype(np.float32)
    pooled = lowering.max_pool(jnp.asarray(x), 2)
    tiles = x[:, :4, :4].reshape(2, 2, 2, 2, 2, 3)
    np.testing.assert_array_equal(pooled, tiles.max(axis=(2, 4)))
    gradient = jax.grad(lambda v: lowering.max_pool(v, 2).sum())(x)
    winners = tiles == tiles.max(axis=(2, 4), keepdims=True)
    np.testing.assert_array_equal(gradient[:, :4, :4], winners.reshape(2, 4, 4, 3))
    assert not gradient[:, 4:].any() and not gradient[:, :, 4:].any()


def test_the_gradient_after_batch_norm_is_finite_without_optimisation():
    """Unoptimised code recomputes the pooled map with another rounding."""
    graph = Graph((8, 8, 1), 1, False, (
        Node('conv', 'conv', ('input',), 8, 5, 5, batch_norm=True, pool=2),
        Node('classifier', 'dense', ('conv',), 4, relu=False)))
    skeleton, candidate = sampled.unpadded(graph)
    net = SparseNet(skeleton)
    x = np.random.default_rng(4).normal(size=(1, 8, 8, 8)).astype(np.float32)
    variables = net.init(jax.random.key(1), candidate, x)

    def loss(params):
        logits, _ = net.apply(variables | {'params': params}, candidate, x, train=True,
                              mutable=['batch_stats'])
        return jnp.square(logits).sum()

    gradient = sampled.quick_jit(jax.grad(loss))(variables['params'])
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
