"""Shared views against the plain formulation: one convolution of x, one of x^2."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.ops import lowering


def _plain(x, kernel, low):
    """Native convolution; a depthwise kernel is a diagonal one."""
    k = kernel.shape[-1]
    if kernel.ndim == 3:
        kernel = jnp.eye(len(kernel))[:, :, None, None] * kernel[:, None]
    x = jnp.pad(x, ((0, 0), (0, k - low), (0, k - low), (0, 0)))
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), 'VALID', dimension_numbers=('CHWN', 'OIHW', 'CHWN'),
        precision='highest')


def _shared(x, mean, variance, low, how):
    """(conv(x, mean), conv(x^2, variance)) from one view."""
    k = mean.shape[-1]
    if how == 'depthwise':
        view, product = lowering.depthwise_view(x, k, low), lowering.depthwise_product
    else:
        view, product = lowering.conv_view(x, k, low, how), lowering.conv_product
    return product(view, mean), product(jnp.square(view), variance)


@pytest.mark.parametrize('how, k, low', [
    ('patches', 3, 2), ('native', 3, 2), ('patches', 1, 1), ('depthwise', 3, 3)])
def test_mean_variance_and_their_gradients_equal_two_convolutions(how, k, low):
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    shape = (3, k, k) if how == 'depthwise' else (4, 3, k, k)
    x, mean, variance = draw(3, 7, 6, 5), draw(*shape), jnp.square(draw(*shape))
    out = _plain(x, mean, low).shape
    pull = (draw(*out), draw(*out))
    plain, back = jax.vjp(lambda x, m, v: (
        _plain(x, m, low), _plain(jnp.square(x), v, low)), x, mean, variance)
    shared, own = jax.vjp(
        lambda x, m, v: _shared(x, m, v, low, how), x, mean, variance)
    for a, b in zip((*plain, *back(pull)), (*shared, *own(pull))):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
