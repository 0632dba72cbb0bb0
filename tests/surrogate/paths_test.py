"""Function draws given one noisy observation, by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.surrogate import paths


def test_draws_do_not_follow_noise():
    """Prior and noise variance are one: the posterior is N(residual / 2, 1 / 2)."""
    here, kernel = jnp.zeros((1, 2)), jnp.ones((1, 1))
    drawn = paths.draw(
        jax.random.key(0), here, jnp.ones(()), jnp.ones(1), jnp.array([0.8]),
        lambda b: b / 2.0, size=(20_000, 16))
    values = np.asarray(paths.evaluate(drawn, here, jnp.ones(()), kernel))
    np.testing.assert_allclose(values.mean(), 0.4, atol=0.03)
    np.testing.assert_allclose(values.var(), 0.5, atol=0.03)
