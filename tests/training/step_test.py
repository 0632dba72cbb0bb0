"""One step on a linear network, against NumPy."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import sizes
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training import step as training_step
from sparse_jax.training.procedure import Procedure
from tests import sampled

LINEAR = Graph((2, 2, 1), 1, False, (
    Node('classifier', 'dense', ('input',), 3, relu=False),))
NUM_IMAGES = 40
PER_EPOCH, EPOCHS = 5, 20
SEED = np.array([3, 7], np.uint32)


@functools.cache
def _setup(method, **config):
    skeleton, candidate = sampled.unpadded(LINEAR)
    candidate = candidate._replace(
        alpha=np.float32(0.5), zero_regularization_epochs=np.float32(10),
        annealing_epochs=np.float32(20), learning_rate=np.float32(0.01))
    config = TrainConfig(epochs=EPOCHS, batch_size=8, **config)
    procedure = Procedure(skeleton, METHODS[method](), config)
    state = sampled.started(procedure, candidate)
    rng = np.random.default_rng(0)
    batch = (rng.normal(size=(1, 2, 2, 8)).astype(np.float32),
             rng.integers(0, 3, 8).astype(np.int32))
    valid = sizes.valid_weights(skeleton, candidate)

    @sampled.quick_jit
    def run(state):
        return training_step.train_step(
            SEED, state, batch, candidate, valid, procedure=procedure,
            schedule=training_step.Schedule(
                PER_EPOCH, PER_EPOCH * EPOCHS, NUM_IMAGES))

    return candidate, state, batch, run


def _cross_entropy(params, batch):
    """(mean loss, accuracy, gradients) of the linear network."""
    kernel, bias = (np.asarray(params['classifier'][v], np.float64)
                    for v in ('kernel', 'bias'))
    x = batch[0].reshape(4, 8)
    logits = kernel @ x + bias[:, None]
    p = np.exp(logits - logits.max(0))
    p /= p.sum(0)
    picked = p[batch[1], np.arange(8)]
    error = (p - np.eye(3)[batch[1]].T) / 8
    return (-np.log(picked).mean(), (logits.argmax(0) == batch[1]).mean(),
            {'kernel': error @ x.T, 'bias': error.sum(1)})


def test_two_adam_steps_by_hand():
    candidate, state, batch, run = _setup('none')
    mean = {v: 0.0 for v in ('kernel', 'bias')}
    square = dict(mean)
    for number in (1, 2):
        loss, accuracy, gradient = _cross_entropy(state.params, batch)
        before, (state, info) = state.params['classifier'], run(state)
        assert float(info.loss) == pytest.approx(loss, rel=1e-5)
        assert float(info.accuracy) == pytest.approx(accuracy)
        for v, g in gradient.items():
            mean[v] = 0.9 * mean[v] + 0.1 * g
            square[v] = 0.999 * square[v] + 0.001 * g**2
            first = mean[v] / (1 - 0.9**number)
            second = square[v] / (1 - 0.999**number)
            np.testing.assert_allclose(
                np.asarray(before[v]) - state.params['classifier'][v],
                0.01 * first / (np.sqrt(second) + 1e-8), atol=2e-6)
        assert int(state.step) == number


@pytest.mark.parametrize('step, coefficient, rate', [
    # 5 steps to an epoch, 20 epochs stand for 100 of the table: a step is one.
    (0, 0.0, 1.0), (9, 0.0, 1.0), (15, 0.125, 1.0), (60, 0.5, 0.8), (90, 0.5, 0.2)])
def test_schedules_enter_the_step(step, coefficient, rate):
    _, state, _, run = _setup('sparse_vd', variational_rate=10.0)
    after, info = run(state._replace(step=jnp.int32(step)))
    assert float(info.coefficient) == pytest.approx(coefficient, abs=1e-6)
    # The first step of Adam moves every weight by the rate, variances by ten times it.
    moved = lambda a, b: np.abs(np.asarray(a) - np.asarray(b))
    np.testing.assert_allclose(
        moved(after.params['classifier']['kernel'],
              state.params['classifier']['kernel']), 0.01 * rate, rtol=1e-3)
    variances = moved(*(s.aux['classifier']['log_sigma2'] for s in (after, state)))
    assert variances.max() == pytest.approx(0.1 * rate, rel=0.05)


def test_the_loss_is_entropy_plus_the_weighted_penalty():
    candidate, state, batch, _ = _setup('sparse_vd')
    method = METHODS['sparse_vd']()
    skeleton, _ = sampled.unpadded(LINEAR)
    valid = sizes.valid_weights(skeleton, candidate)
    loss, (entropy, _, _) = sampled.quick_jit(lambda state: training_step.loss_fn(
        (state.params, state.aux), state, SEED, batch, valid,
        (candidate, 0.0, 0.03), procedure=Procedure(skeleton, method)))(state)
    expected, _, _ = _cross_entropy(state.params, batch)
    assert float(entropy) == pytest.approx(expected, rel=1e-5)
    penalty = float(sampled.quick_jit(method.penalty)(
        state.params, state.aux, valid))
    assert penalty > 10
    assert float(loss) == pytest.approx(expected + 0.03 * penalty, rel=1e-5)


def test_gradients_are_clipped_to_the_norm():
    """After clipping to 1e-9 the second moment hides under Adam's epsilon."""
    _, state, _, run = _setup('none', clip_norm=1e-9)
    after, _ = run(state)
    moved = np.abs(after.params['classifier']['kernel']
                   - state.params['classifier']['kernel'])
    assert 0 < moved.max() < 0.2 * 0.01


def test_the_first_step_of_a_warm_up_is_small():
    """100 steps, 10 of them to warm up: the first moves a tenth of the rate."""
    _, state, _, run = _setup('none', warmup=0.1)
    after, _ = run(state)
    moved = np.abs(np.asarray(after.params['classifier']['kernel'])
                   - state.params['classifier']['kernel'])
    np.testing.assert_allclose(moved, 0.001, rtol=2e-3)


def test_weight_decay_is_decoupled():
    """Beside Adam's step a kernel loses rate * decay of itself, a bias nothing."""
    before = _setup('none')[1].params['classifier']
    ends = []
    for decay in (0.0, 0.5):
        _, state, _, run = _setup('none', weight_decay=decay)
        ends.append(run(state)[0].params['classifier'])
    np.testing.assert_allclose(
        ends[0]['kernel'] - ends[1]['kernel'], 0.01 * 0.5 * before['kernel'],
        atol=1e-7)
    np.testing.assert_array_equal(ends[0]['bias'], ends[1]['bias'])


@pytest.mark.parametrize('config', [
    {}, {'warmup': 0.1}, {'decay': 1.0, 'schedule': 'cosine', 'warmup': 0.05},
    {'decay': 0.0}])
def test_variances_travel_the_same_way_under_any_schedule(config):
    """The first step of Adam moves each by its rate; over 100 steps that makes 30."""
    _, state, _, run = _setup('sparse_vd', variational_travel=30.0, **config)
    start = np.asarray(state.aux['classifier']['log_sigma2'])
    rates = [np.abs(np.asarray(run(state._replace(step=jnp.int32(step)))[
        0].aux['classifier']['log_sigma2']) - start).max() for step in range(100)]
    assert sum(rates) == pytest.approx(30.0, rel=0.03)


def test_what_a_network_explains_is_remembered():
    """Of 100 steps each is a fifth of the running mean, which prices the penalty."""
    candidate, state, batch, run = _setup('none')
    loss, _, _ = _cross_entropy(state.params, batch)
    first, _ = run(state._replace(explained=jnp.float32(0.5)))
    assert float(first.explained) == pytest.approx(
        0.5 + 0.2 * (np.log(3) - loss - 0.5), rel=1e-5)
    skeleton, _ = sampled.unpadded(LINEAR)
    valid = sizes.valid_weights(skeleton, candidate)
    procedure = Procedure(skeleton, METHODS['sparse_vd'](), TrainConfig(EPOCHS, 8))
    _, state, _, _ = _setup('sparse_vd')
    info = sampled.quick_jit(lambda state: training_step.train_step(
        SEED, state, batch,
        candidate._replace(alpha=np.float32(0.1), kl_share=np.float32(2.0)), valid,
        procedure=procedure, schedule=training_step.Schedule(PER_EPOCH, 100, 40))[1])(
            state._replace(step=jnp.int32(60), explained=jnp.float32(0.7)))
    assert float(info.coefficient) == pytest.approx(0.1 + 2.0 * 0.7, rel=1e-5)
