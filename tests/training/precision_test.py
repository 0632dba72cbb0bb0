"""Steps whose products read bfloat16: what is narrowed, and what is not."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import lowering
from sparse_jax import data
from sparse_jax.model.layers import Weighted
from sparse_jax.model.skeleton import candidate_of
from sparse_jax.ops import Node
from sparse_jax.ops.product import product
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import train_data
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.train import initialise, train
from sparse_jax.training.validation import validation_loss
from tests import sampled
from tests.recipes import trained_network

ROUNDING = 2.0 ** -8
"""Of one number in bfloat16, relative."""


def _rounded(array):
    return np.asarray(jnp.asarray(array).astype(jnp.bfloat16), np.float64)


def test_products_of_rounded_numbers_are_added_in_float32():
    rng = np.random.default_rng(0)
    kernel, view, pull = (rng.normal(size=s).astype(np.float32)
                          for s in ((3, 300), (300, 4), (3, 4)))
    y, back = jax.vjp(product, kernel, jnp.asarray(view).astype(jnp.bfloat16))
    to_kernel, to_view = back(pull)
    assert (y.dtype, to_kernel.dtype, to_view.dtype) == ('f4', 'f4', jnp.bfloat16)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    close(y, _rounded(kernel) @ _rounded(view))
    close(to_kernel, _rounded(pull) @ _rounded(view).T)
    np.testing.assert_allclose(np.asarray(to_view, np.float32),
                               _rounded(kernel).T @ _rounded(pull), rtol=ROUNDING)


@pytest.mark.parametrize('conv, op', [
    ('patches', 'depthwise'), ('grouped', 'conv'), ('tiled', 'conv'),
    ('tiled', 'depthwise'), ('direct', 'conv')])
def test_layers_differ_by_the_rounding_of_their_operands(conv, op):
    """Direct convolutions are float32 alone: patches take their place."""
    node, rng = Node('a', op, ('input',), 3, 3, 3, relu=False), np.random.default_rng(0)
    shape = (3, 3, 3, 3)[op == 'depthwise':]
    x = rng.normal(size=(3, 6, 5, 8)).astype('f4')
    variables = {'params': {'kernel': rng.normal(size=shape).astype('f4')},
                 'noise': {'variance': rng.random(shape).astype('f4')}}

    def value(variables, x, precision):
        layer = Weighted(node, shape, ((3, 6, 5),), (6, 5), conv, precision)
        y = layer.apply(variables, x, {'kernel': np.ones(shape, bool)}, 1.0,
                        np.array([1, 2], np.uint32))
        return jnp.square(y).sum(), y

    (exact, gradients), (narrow, others) = (
        (y, back) for back, y in (jax.grad(value, (0, 1), has_aux=True)(
            variables, x, precision) for precision in ('float32', 'bfloat16')))
    assert narrow.dtype == jnp.float32
    for a, b in zip(jax.tree.leaves((exact, gradients)),
                    jax.tree.leaves((narrow, others)), strict=True):
        off = np.abs(a - b).max() / np.abs(a).max()
        assert ROUNDING / 100 < off < 4 * ROUNDING


def test_every_product_of_a_step_reads_bfloat16_and_gives_float32():
    text = lowering.traced(2, 'grouped', method='none', size=8, batch=8,
                           precision='bfloat16').lower(
        lowering_platforms=('cuda',)).as_text()
    found = re.findall(
        r'stablehlo\.(?:dot_general|convolution).*: \(tensor<[\dx]*x(\w+)>, '
        r'tensor<[\dx]*x(\w+)>\) -> tensor<[\dx]*x(\w+)>', text)
    assert len(found) == text.count('stablehlo.dot_general') + text.count(
        'stablehlo.convolution') >= 8
    assert set(found) == {('bf16', 'bf16', 'f32')}


def test_digits_are_learnt_as_well():
    """Losses of 360 validation images after two runs that differ in precision alone."""
    whole = data.load(data.DataSpec(name='digits'))
    training, validation = (train_data(part, whole)
                            for part in (whole.train, whole.validation))
    graph = Graph((8, 8, 1), 1, False, (
        Node('conv', 'conv', ('input',), 8, 3, 3, pool=2),
        Node('classifier', 'dense', ('conv',), 10, relu=False)))
    skeleton, _ = sampled.unpadded(graph)
    candidate = candidate_of(graph, trained_network.POINT | {'learning-rate': 0.01})
    losses = []
    for precision in ('float32', 'bfloat16'):
        procedure = Procedure(skeleton, METHODS['none'](), TrainConfig(
            epochs=8, batch_size=64, precision=precision))

        def run(key, procedure=procedure):
            state = initialise(key, candidate, procedure=procedure)
            state, _ = train(key, state, candidate, training, key, procedure=procedure)
            return state.params, validation_loss(
                state, candidate, validation, procedure=procedure)

        params, loss = sampled.train_jit(run)(jax.random.key(0))
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
        losses.append(float(loss))
    assert losses[0] != losses[1] < 0.35
    assert abs(losses[0] - losses[1]) < 0.03
