"""Gradual magnitude pruning: which weights go, and what their gradients are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.pruning import gradual_magnitude, keep
from sparse_jax.pruning.gradual_magnitude import gate
from sparse_jax.pruning.gradual_magnitude import press as press_eagerly
from tests import sampled

press = sampled.quick_jit(press_eagerly)

PARAMS = {'a': {'kernel': jnp.array([[4.0, -3.0, 0.0], [0.1, 2.0, 0.0]]),
                'bias': jnp.zeros(2)},
          'b': {'kernel': jnp.array([[100.0, 200.0]])}}
VALID = {'a': {'kernel': np.array([[1, 1, 0], [1, 1, 0]], bool),
               'bias': np.ones(2, bool)},
         'b': {'kernel': np.ones((1, 2), bool)}}
"""Squares 16, 9, 4 and 0.01 are 1, 9/25, 4/29 and 0.01/29.01 of what is left of their
layer; 40,000 and 10,000 are 1 and 1/5."""


def _kept(share):
    """{layer: kept weights} of one in `share`."""
    method = gradual_magnitude()
    aux = press(PARAMS, method.init(PARAMS, VALID), VALID, jnp.log(share))
    mean = method.mean(PARAMS, aux)
    masks = keep(method, PARAMS, aux, VALID, offset=0.0,
                 thresholds={'a': 1e-6, 'b': 1e-6})
    for node, mask in masks.items():
        # What is kept is what trains.
        np.testing.assert_array_equal(mask, mean[node]['kernel'] != 0)
    return {node: np.abs(np.asarray(mean[node]['kernel']))[mask].tolist()
            for node, mask in masks.items()}


@pytest.mark.parametrize('kept, a, b', [
    (6, [4, 3, 0.1, 2], [100, 200]), (5, [4, 3, 2], [100, 200]),
    (4, [4, 3], [100, 200]), (3, [4, 3], [200]), (2, [4], [200])])
def test_weights_go_by_their_share_of_what_is_left_of_their_layer(kept, a, b):
    found = _kept(6 / kept)
    assert found == {'a': pytest.approx(a), 'b': pytest.approx(b)}


def test_layers_keep_their_largest_weight_while_there_is_one_for_each():
    assert _kept(3.0) == {'a': [4.0], 'b': [200.0]}


def test_the_scale_of_a_layer_means_nothing():
    method = gradual_magnitude()
    scaled = PARAMS | {'a': {'kernel': 1e-3 * PARAMS['a']['kernel']}}
    for params in (PARAMS, scaled):
        aux = press(params, method.init(params, VALID), VALID, jnp.log(6 / 4))
        assert (method.mean(params, aux)['a']['kernel'] != 0).tolist() == [
            [True, True, False], [False, False, False]]


def test_nothing_is_pruned_before_and_at_no_pressure():
    method = gradual_magnitude()
    fresh = method.init(PARAMS, VALID)
    for aux in (fresh, press(PARAMS, fresh, VALID, jnp.float32(0.0))):
        for node, leaf in method.mean(PARAMS, aux).items():
            np.testing.assert_array_equal(leaf['kernel'], PARAMS[node]['kernel'])


def test_a_pruned_weight_has_the_gradient_of_the_pruned_network():
    """d/dw of (3 gate(w))^2 / 2 is 9 gate(w): of the pruned value, whatever w."""
    kernel = jnp.array([2.0, 0.5, -0.5])
    loss = lambda w: 0.5 * jnp.square(3.0 * gate(w, 1.0) - 1.0).sum()
    np.testing.assert_allclose(
        jax.grad(loss)(kernel), 3.0 * (3.0 * np.array([2.0, 0, 0]) - 1), rtol=1e-6)
    moved = jax.grad(lambda t: gate(kernel, t).sum())(1.0)
    assert float(moved) == 0
