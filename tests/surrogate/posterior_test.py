"""Factors of covariances that rounding has made indefinite."""

import jax
import numpy as np
import pytest

from sparse_jax.surrogate import posterior


@pytest.mark.parametrize('smallest, extra', [(0.1, 1e-8), (-1e-7, 1e-6), (-1e-5, 1e-4)])
def test_as_little_jitter_as_it_takes(smallest, extra):
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    cov = turn @ np.diag([2.0, 1.0, smallest]) @ turn.T
    with jax.enable_x64(True):
        factor = np.asarray(posterior.safe_cholesky(cov))
    jitter = 1e-10 + extra * np.diag(cov).max()
    np.testing.assert_allclose(
        factor @ factor.T, cov + jitter * np.eye(3), rtol=0, atol=1e-12)
