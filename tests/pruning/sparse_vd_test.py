"""Sparse variational dropout beyond what all methods have in common."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.pruning.sparse_vd import MAX_LOG_SIGMA2, sparse_vd


def _variance(log_sigma2):
    aux = {'fc': {'log_sigma2': log_sigma2}}
    return sparse_vd().noise({}, aux)['fc']['variance']


def test_the_noise_is_capped_and_comes_back():
    """e^x up to the cap; beyond it only steps that lower the variance pass."""
    x = jnp.array([-10.0, 0.0, MAX_LOG_SIGMA2, 5.0, 300.0])
    np.testing.assert_allclose(
        _variance(x), np.exp(np.minimum(x, MAX_LOG_SIGMA2)), rtol=1e-6)
    down = jax.grad(lambda x: _variance(x).sum())(x)
    up = jax.grad(lambda x: -_variance(x).sum())(x)
    np.testing.assert_allclose(down, _variance(x), rtol=1e-6)
    np.testing.assert_allclose(
        up, np.where(x > MAX_LOG_SIGMA2, 0.0, -_variance(x)), rtol=1e-6)
