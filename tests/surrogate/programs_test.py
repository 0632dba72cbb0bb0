"""Programs that are compiled cheaply, and kept, compute what others do."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import compiler
from sparse_jax.lowered import lower
from sparse_jax.lowered.description import describe
from sparse_jax.surrogate import gp as module
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.surrogate.gp import GPConfig, gp
from sparse_jax.surrogate.programs import cheap_jit


def test_options_of_jit_are_passed_on():
    double = cheap_jit(lambda x, times: x * times, static_argnames='times')
    np.testing.assert_array_equal(double(jnp.arange(3), times=2), [0, 2, 4])


# Few steps: far from the end a step makes much of a rounding.
CONFIG = GPConfig(Layout((0, 3, 4), (False, True, False), (False, False, True)),
                  (False,), restarts=2, screen=3, steps=5)


def _fitted(fit):
    """What a program of a fit makes of twelve rows, nine of them present."""
    rng = np.random.default_rng(0)
    x, active = rng.random((12, 3)), np.ones((12, 3))
    y = np.sin(4 * x[:, :1]) + (x[:, 1:2] > 0.5)
    with jax.enable_x64(True):
        return fit(jax.random.key(0), *map(jnp.asarray, (
            x, active, y, np.arange(12) < 9)), config=CONFIG)


def test_a_cheap_fit_is_that_of_full_effort():
    cheap = _fitted(module._fit_few)
    full = _fitted(jax.jit(module._fit, static_argnames='config',
                           compiler_options=compiler.repeatable('cpu', {
                               'xla_cpu_use_fusion_emitters': True})))
    np.testing.assert_allclose(cheap.nll, full.nll, atol=1e-9)
    np.testing.assert_allclose(cheap.weights, full.weights, rtol=1e-5, atol=1e-6)


def test_a_kept_program_is_traced_once_and_fits_the_same(tmp_path):
    before = module.TRACES['fit']
    lower.use(tmp_path)
    try:
        # Each like a process of its own.
        kept = [_fitted(cheap_jit(module._fit, static_argnames='config'))
                for _ in range(2)]
    finally:
        lower.use(None)
    assert module.TRACES['fit'] == before + 1
    for found in kept:
        jax.tree.map(np.testing.assert_array_equal, found, _fitted(module._fit_few))


def test_equal_surrogates_have_one_description():
    one, other = (gp(CONFIG), gp(GPConfig(CONFIG.layout, (True,))))
    assert describe(one) == describe(gp(CONFIG)) != describe(other)


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
