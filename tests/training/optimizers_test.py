"""Directions of Muon against its definition; padding; what it leaves to Adam."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sparse_jax.train_config import TrainConfig
from sparse_jax.training import optimizers
from sparse_jax.training.optimizers import LENGTH, MOMENTUM, optimizer

MUON = TrainConfig(optimizer='muon')
SHAPES = [(4, 30), (30, 4), (7, 7), (1, 9), (3, 600)]


def _orthogonal(matrix):
    """Of one matrix."""
    return optimizers.orthogonal({'layer': matrix})['layer']


def _direction(momentum, valid=None):
    """Of one kernel."""
    masks = None if valid is None else {'layer': {'kernel': valid}}
    momenta = {'layer': momentum}
    return optimizers.directions_of(
        momenta, optimizers.lengths_of(momenta, masks))['layer']


@pytest.mark.parametrize('shape', SHAPES)
def test_singular_values_become_equal_and_vectors_stay(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    spread = np.linspace(1, 5, min(shape), dtype=np.float32)
    matrix *= spread[:, None] if shape[0] <= shape[1] else spread
    found = np.asarray(_orthogonal(jnp.asarray(matrix)))
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    inside = left.T @ found @ right.T
    np.testing.assert_allclose(inside, np.diag(np.diag(inside)), atol=1e-4)
    assert (np.diag(inside) > 0.65).all() and (np.diag(inside) < 1.25).all()
    assert values.max() / values.min() > 2 or min(shape) == 1


def test_a_matrix_of_rank_one_by_hand():
    """Its one singular value is 1 after scaling and passes the quintic five times;
    the other directions stay 0."""
    value = 1.0
    for _ in range(5):
        value = 3.4445 * value - 4.7750 * value ** 3 + 2.0315 * value ** 5
    left, right = np.array([3.0, 4.0]), np.array([1.0, 2.0, 2.0])
    found = _direction(jnp.asarray(np.outer(left, right), jnp.float32))
    np.testing.assert_allclose(
        found, LENGTH * np.sqrt(3) * value * np.outer(left / 5, right / 3), rtol=1e-4)


def test_padding_changes_neither_direction_nor_length():
    """[3, 2, 2, 2] inside of [5, 4, 3, 3]."""
    whole, inside = (5, 4, 3, 3), np.s_[:3, :2, :2, :2]
    small = np.random.default_rng(1).normal(size=(3, 2, 2, 2)).astype(np.float32)
    padded, exists = np.zeros(whole, np.float32), np.zeros(whole, bool)
    padded[inside], exists[inside] = small, True
    found = np.asarray(_direction(jnp.asarray(padded), jnp.asarray(exists)))
    expected = _direction(jnp.asarray(small))
    np.testing.assert_allclose(found[inside], expected, rtol=1e-4, atol=1e-5)
    assert (found[~exists] == 0).all()


def test_nothing_moves_where_no_gradient_is_and_a_training_can_be_differentiated():
    zero = jnp.zeros((3, 4))
    assert (_direction(zero) == 0).all()
    slope = jax.grad(lambda x: _direction(x).sum())(zero)
    assert jnp.isfinite(slope).all()


def _trained(rng):
    """Params of one layer of each kind, and what a method trains beside them."""
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    params = {'conv': {'kernel': draw(4, 3, 2, 2), 'bias': draw(4)},
              'conv-norm': {'scale': draw(4), 'shift': draw(4)},
              'depthwise': {'kernel': draw(4, 3, 3)},
              'classifier': {'kernel': draw(2, 8), 'bias': draw(2)}}
    return params, {'conv': {'log_sigma2': draw(4, 3, 2, 2)}}


def test_matrices_go_with_muon_and_all_else_with_adam():
    rng = np.random.default_rng(2)
    trained, first, second = (_trained(rng) for _ in range(3))
    muon, adam = optimizer(MUON), optax.scale_by_adam(eps_root=1e-20)
    state, plain = muon.init(trained), adam.init(trained)
    found: Any
    its: Any
    for grads in (first, second):
        found, state = muon.update(grads, state, trained)
        its, plain = adam.update(grads, plain)
    (params, aux), (expected, beside) = found, its
    for name in ('conv', 'classifier'):
        momentum = MOMENTUM * first[0][name]['kernel'] + second[0][name]['kernel']
        np.testing.assert_allclose(params[name]['kernel'], _direction(
            MOMENTUM * momentum + second[0][name]['kernel']), rtol=1e-4, atol=1e-6)
        params[name].pop('kernel'), expected[name].pop('kernel')
    for ours, adams in zip(jax.tree.leaves((params, aux)),
                          jax.tree.leaves((expected, beside)), strict=True):
        np.testing.assert_allclose(ours, adams, rtol=1e-5)


def test_gradients_are_clipped_before_both():
    """Tiny ones leave Adam its epsilon; a matrix has no length of its own."""
    grads = _trained(np.random.default_rng(3))
    free, clipped = (optimizer(TrainConfig(optimizer='muon', clip_norm=norm))
                     for norm in (0.0, 1e-7))
    runs: Any = [rule.update(grads, rule.init(grads)) for rule in (free, clipped)]
    whole, small = (params for (params, _), _ in runs)
    ratio = np.abs(small['conv']['bias']) / np.abs(whole['conv']['bias'])
    assert ratio.max() < 0.9
    np.testing.assert_allclose(
        small['conv']['kernel'], whole['conv']['kernel'], rtol=1e-3, atol=1e-3)
