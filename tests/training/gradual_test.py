"""Pruning on a schedule: the pressure by hand, and where digits end."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import pruning
from sparse_jax.evaluation.bisection import widest_cut
from sparse_jax.evaluation.measure import measure
from sparse_jax.model import sizes
from sparse_jax.objectives.target import Target
from sparse_jax.training import gradual
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.train import initialise, train
from tests import sampled
from tests.training.aim_test import CANDIDATE, CONFIG, SKELETON, _digits

TARGET = Target((('model_size', 250.0),))
"""Of 1,210 weights and biases."""
PROCEDURE = Procedure(SKELETON, pruning.gradual_magnitude(), CONFIG, target=TARGET)
OFF = CANDIDATE._replace(log_alpha_offset=np.float32(0.0))
OVER = float(np.log(1210 / 250)) + gradual.BELOW


@functools.cache
def _look(procedure):
    """(step, progress, pressure, first) -> the state after a look, one program."""
    valid = sizes.valid_weights(SKELETON, OFF)

    def look(step, progress, pressure, first):
        state = initialise(jax.random.key(0), OFF, procedure=procedure)
        state = state._replace(step=step, pressure=pressure, hinge=first)
        state = gradual.scheduled(state, OFF, valid, progress, procedure=procedure)
        return state, prune(state, OFF, procedure=procedure)[0]

    return sampled.quick_jit(look)


def _moved(step, progress, pressure, first, procedure=PROCEDURE):
    return _look(procedure)(
        jnp.int32(step), *(jnp.float32(x) for x in (progress, pressure, first)))


def test_the_path_begins_where_the_network_is():
    state, _ = _moved(0, 0.0, 0.0, 1.0)
    assert float(state.hinge) == pytest.approx(OVER, rel=1e-6)
    assert float(state.pressure) == 0


@pytest.mark.parametrize('progress, left', [
    (0.05, 1.0), (0.325, 0.125), (0.6, 0.0), (1.0, 0.0)])
def test_the_pressure_follows_a_cubic_path(progress, left):
    """Half of what the costs are above it, at every look."""
    state, _ = _moved(16, progress, 0.0, OVER)
    assert float(state.pressure) == pytest.approx(0.5 * OVER * (1 - left), abs=1e-5)


def test_costs_are_looked_at_every_eighth_step():
    assert float(_moved(17, 1.0, 0.25, OVER)[0].pressure) == 0.25
    assert float(_moved(24, 1.0, 0.25, OVER)[0].pressure) > 0.25


def _ended(procedure, candidate=OFF, pressure=0.0):
    training, validation = _digits()

    def run(key):
        state = initialise(key, candidate, procedure=procedure)
        state = state._replace(pressure=jnp.float32(pressure))
        state, _ = train(key, state, candidate, training, key, procedure=procedure)
        at = lambda offset: measure(
            state, candidate, validation,
            *prune(state, candidate, procedure=procedure, offset=offset),
            procedure=procedure)
        cut = widest_cut(state, candidate, TARGET.limits, procedure=procedure)
        return at(0.0), at(cut), state

    return jax.device_get(sampled.train_jit(run)(jax.random.key(0)))


@functools.cache
def _gradual():
    return _ended(PROCEDURE)


def test_digits_end_at_the_limit():
    """A fifth of the weights, at an error that a whole network has."""
    own, cut, state = _gradual()
    assert 240 <= int(own.costs.model_size) <= int(cut.costs.model_size) <= 250
    assert cut.error < 0.08
    assert np.isfinite(state.pressure) and state.pressure > 1
    # What is pruned is still there, and may come back.
    kernel = state.params['classifier']['kernel']
    assert (kernel != 0).all()
    threshold = np.exp(state.aux['classifier']['log_threshold'])
    assert 0.5 < (np.abs(kernel) < threshold).mean() < 0.95


def test_a_network_within_the_limit_keeps_everything():
    roomy = Procedure(SKELETON, pruning.gradual_magnitude(), CONFIG,
                      target=Target((('model_size', 5000.0),)))
    state, pruned = _moved(0, 1.0, 0.0, 0.0, roomy)
    assert float(state.pressure) == 0
    for name, leaf in sizes.valid_weights(SKELETON, OFF).items():
        np.testing.assert_array_equal(pruned.kernel[name], leaf['kernel'])
