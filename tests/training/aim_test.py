"""Trainings that aim at limits: the multiplier by hand, and where digits end."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.evaluation.bisection import widest_cut
from sparse_jax.evaluation.measure import measure
from sparse_jax.model import connectivity, sizes
from sparse_jax.objectives.target import Target
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training import aim
from sparse_jax.training.data import train_data
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.train import initialise, train
from tests import sampled

GRAPH = Graph((8, 8, 1), 1, False, (
    Node('conv', 'conv', ('input',), 12, 3, pool=2),
    Node('classifier', 'dense', ('conv',), 10, relu=False)))
SKELETON, CANDIDATE = sampled.unpadded(GRAPH)
CANDIDATE = CANDIDATE._replace(
    alpha=np.float32(0.1), zero_regularization_epochs=np.float32(10),
    annealing_epochs=np.float32(10), learning_rate=np.float32(0.005))
CONFIG = TrainConfig(epochs=40, batch_size=100, variational_rate=10.0)


@functools.cache
def _digits():
    whole = data.load(data.DataSpec(name='digits'))
    return [train_data(part, whole) for part in (whole.train, whole.validation)]


def _ended(name, target, limits):
    """(measured at its own cut, at the widest within the limits, log multiplier) of a
    training that aims at `target`."""
    procedure = Procedure(SKELETON, METHODS[name](), CONFIG, target=target)
    training, validation = _digits()

    def run(key):
        state = initialise(key, CANDIDATE, procedure=procedure)
        state, _ = train(key, state, CANDIDATE, training, key, procedure=procedure)
        at = lambda offset: measure(
            state, CANDIDATE, validation,
            *prune(state, CANDIDATE, procedure=procedure, offset=offset),
            procedure=procedure)
        cut = widest_cut(state, CANDIDATE, limits, procedure=procedure)
        return jax.lax.map(at, jnp.stack([0.0, cut])), state.pressure

    both, pressure = jax.device_get(sampled.train_jit(run)(jax.random.key(0)))
    part = lambda i: jax.tree.map(lambda leaf: leaf[i], both)
    return part(0), part(1), pressure


def _whole():
    """The network without pruning: 12 maps on 6x6, 3x3 after the pool."""
    valid = sizes.valid_weights(SKELETON, CANDIDATE)
    return connectivity.live(SKELETON, CANDIDATE, {
        name: leaf['kernel'] for name, leaf in valid.items()})


@pytest.mark.parametrize('limits, over', [
    ((('model_size', 2420.0),), np.log(0.5)),
    ((('working_memory', 124.0),), np.log(4.0)),
    ((('model_size', 2420.0), ('working_memory', 248.0)), np.log(2.0))])
def test_the_cost_that_is_furthest_above_counts(limits, over):
    """108 + 12 + 1080 + 10 weights and biases; 64 pixels and 432 of the maps."""
    target = Target(limits)
    found = sampled.quick_jit(lambda: target(SKELETON, CANDIDATE, _whole()))()
    assert float(found) == pytest.approx(over, rel=1e-5)
    assert target == Target(limits) and hash(target) == hash(Target(limits))


@pytest.mark.parametrize('limits', [(), (('model_size', 0.0),)])
def test_a_target_without_limits_is_refused(limits):
    with pytest.raises(ValueError, match='allowed: one or more, each above 0'):
        Target(limits)


@pytest.mark.parametrize('size, progress, pressure, hinge', [
    (1210.0 / 2, 0.5, 1.0 + 3.0 * (np.log(2) + 0.05), 1.0),   # twice the limit
    (100.0, 0.5, 1.0 + 3.0, 1.0),                             # capped
    (100.0, 0.05, 1.0, 1.0),                                  # too early
    (1210.0 * 1.025, 0.5, None, (0.05 - np.log(1.025)) / 0.05),
    (2420.0, 0.5, 0.0, 0.0)])
def test_the_price_by_hand(size, progress, pressure, hinge):
    procedure = Procedure(SKELETON, METHODS['none'](), CONFIG,
                          target=Target((('model_size', size),)))
    state = sampled.started(procedure, CANDIDATE)
    state = sampled.quick_jit(lambda state, progress: aim.aimed(
        state, CANDIDATE, progress, 0.1, procedure=procedure))(
            state._replace(pressure=jnp.float32(1.0)), jnp.float32(progress))
    assert float(state.hinge) == pytest.approx(hinge, abs=1e-5)
    if pressure is not None:
        assert float(state.pressure) == pytest.approx(pressure, rel=1e-5)


def test_without_a_target_nothing_changes():
    procedure = Procedure(SKELETON, METHODS['none'](), CONFIG)
    state = sampled.started(procedure, CANDIDATE)
    assert aim.aimed(state, CANDIDATE, jnp.float32(0.5), 0.1,
                     procedure=procedure) is state


@functools.cache
def _aimed(name, limits):
    return _ended(name, Target(limits), limits)


SMALL = (('model_size', 250.0),)
BOTH = (('model_size', 500.0), ('working_memory', 400.0))


@pytest.mark.parametrize('limits, most', [(SMALL, 0.2), (BOTH, 0.12)])
def test_bayesian_compression_ends_within_its_limits_by_its_own_cut(limits, most):
    """Without an aim this network keeps 730 weights and 460 bytes."""
    own, _, pressure = _aimed('bayes_compress', limits)
    costs = [float(getattr(own.costs, name)) for name, _ in limits]
    assert all(cost <= limit for cost, (_, limit) in zip(costs, limits))
    # Not far below what is binding, and it has learnt the digits.
    assert max(cost / limit for cost, (_, limit) in zip(costs, limits)) > 0.7
    assert float(own.error) < most and float(pressure) > 0


@pytest.mark.parametrize('name, most', [
    ('bayes_compress', 0.2), ('learned_group_threshold', 0.45)])
def test_a_training_that_aims_is_better_at_the_widest_cut_within(name, most):
    aimed, plain = (run(name, *given)[1] for run, given in (
        (_aimed, (SMALL,)), (_ended, (None, SMALL))))
    for found in (aimed, plain):
        assert 0.6 * 250 < float(found.costs.model_size) <= 250
    assert float(aimed.error) < most
    assert float(aimed.error) < float(plain.error) - 0.1
