"""Programs that are compiled cheaply compute what others do."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.surrogate import gp as module
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.surrogate.gp import GPConfig
from sparse_jax.surrogate.programs import cheap_jit


def test_options_of_jit_are_passed_on():
    double = cheap_jit(lambda x, times: x * times, static_argnames='times')
    np.testing.assert_array_equal(double(jnp.arange(3), times=2), [0, 2, 4])


def test_a_cheap_fit_is_that_of_full_effort():
    rng = np.random.default_rng(0)
    layout = Layout((0, 3, 4), (False, True, False), (False, False, True))
    # Few steps: far from the end a step makes much of a rounding.
    config = GPConfig(layout, (False,), restarts=2, screen=3, steps=5)
    x, active = rng.random((12, 3)), np.ones((12, 3))
    y = np.sin(4 * x[:, :1]) + (x[:, 1:2] > 0.5)
    mask = np.arange(12) < 9
    with jax.enable_x64(True):
        cheap, full = (
            fit(jax.random.key(0), *map(jnp.asarray, (x, active, y, mask)),
                config=config)
            for fit in (module._fit_few,
                        jax.jit(module._fit, static_argnames='config')))
    np.testing.assert_allclose(cheap.nll, full.nll, atol=1e-9)
    np.testing.assert_allclose(cheap.weights, full.weights, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_an_embedding_is_short():
    # What is compiled most often: as few operations for fifty dimensions as for four.
    def lines(dim: int) -> int:
        layout = Layout((0, 4) * dim, (False, True) * dim, (False,) * 2 * dim)
        config = GPConfig(layout, (False,), restarts=1, steps=3)
        shape = jax.ShapeDtypeStruct
        text = jax.jit(module._fit, static_argnames='config').lower(
            jax.random.key(0), shape((8, 2 * dim), float),
            shape((8, 2 * dim), float), shape((8, 1), float), shape((8,), bool),
            config=config).as_text()
        return text.count('\n')

    assert lines(2) == lines(20)
