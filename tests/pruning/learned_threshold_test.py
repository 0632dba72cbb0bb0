"""Learned thresholds: formulas, the step through their gate, what they leave."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import sizes, weights
from sparse_jax.pruning import keep, learned_group_threshold, learned_threshold
from sparse_jax.pruning.learned_threshold import survives
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.study import weights_file
from sparse_jax.study.outcome import Weights
from sparse_jax.train_config import TrainConfig
from sparse_jax.training import step
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.train import initialise, train
from tests import sampled

LINEAR = Graph((2, 2, 1), 1, False, (
    Node('classifier', 'dense', ('input',), 3, relu=False),))
KERNEL = jnp.array([[0.5, -0.01, 0.2], [-0.1, 0.02, 0.0]])
WHOLE = {'fc': {'kernel': np.array([[1, 1, 1], [1, 1, 0]], bool)}}


def _aux(threshold):
    return {'fc': {'log_threshold': jnp.log(jnp.float32(threshold))}}


def test_single_weights_by_hand():
    method, params = learned_threshold(), {'fc': {'kernel': KERNEL}}
    mean = method.mean(params, _aux(0.05))['fc']['kernel']
    np.testing.assert_array_equal(mean, KERNEL * np.array([[1, 0, 1], [1, 0, 0]]))
    assert float(method.penalty(params, _aux(0.05), WHOLE)) == 4.0 * 3
    score = method.score(params, _aux(0.05))['fc']
    np.testing.assert_allclose(score[0], 2 * np.log([0.1, 5.0, 0.25]), rtol=1e-5)
    # A shift of 2 log 4 asks for four times the threshold: 0.2.
    kept = lambda offset: keep(method, params, _aux(0.05), WHOLE, offset=offset,
                               thresholds={'fc': 0.0})['fc'].tolist()
    assert kept(0.0) == [[True, False, True], [True, False, False]]
    assert kept(-2 * np.log(3.9)) == [[True, False, True], [False, False, False]]
    assert kept(99.0) == kept(0.0)


def test_groups_by_hand():
    """Inputs of a dense layer, by the root mean square of the weights that exist."""
    method, params = learned_group_threshold(), {'fc': {'kernel': KERNEL}}
    sizes = np.sqrt([(0.25 + 0.01) / 2, (1e-4 + 4e-4) / 2, 0.04])
    score = method.score(params, _aux(0.05))['fc']
    assert score.shape == (1, 3)
    np.testing.assert_allclose(score[0], 2 * np.log(0.05 / sizes), rtol=1e-4)
    mean = method.mean(params, _aux(0.05))['fc']['kernel']
    np.testing.assert_array_equal(mean, KERNEL * np.array([1, 0, 1]))
    assert float(method.penalty(params, _aux(0.05), WHOLE)) == 4.0 * 3
    maps = {'conv': {'kernel': jnp.array([0.3, 0.01]).reshape(2, 1, 1, 1)}}
    aux = {'conv': {'log_threshold': jnp.log(0.1)}}
    assert method.score(maps, aux)['conv'].shape == (2, 1, 1, 1)
    assert method.mean(maps, aux)['conv']['kernel'].ravel().tolist() == [
        pytest.approx(0.3), 0.0]


@pytest.mark.parametrize('above', [-3.0, -0.2, 0.0, 0.1, 2.0])
def test_the_gate_is_a_step_with_the_gradient_of_a_sigmoid(above):
    assert float(survives(jnp.float32(above), 0.5)) == float(above > 0)
    soft = lambda x: 1 / (1 + np.exp(-x / 0.5))
    slope = (soft(above + 1e-5) - soft(above - 1e-5)) / 2e-5
    assert float(jax.grad(survives)(jnp.float32(above), 0.5)) == pytest.approx(
        slope, rel=1e-3)


@pytest.mark.parametrize('factory', [learned_threshold, learned_group_threshold])
def test_gradients_through_the_gate_are_bounded(factory):
    """By 1 + 1 / (4 temperature) times the width of a group, however small a weight."""
    method = factory(temperature=0.5)
    sizes = jnp.array([0.0, 1e-30, 1e-9, 1e-4, 0.0499, 0.0501, 1.0, 1e4])[None]

    def total(kernel, log_threshold):
        return method.mean({'fc': {'kernel': kernel}}, {
            'fc': {'log_threshold': log_threshold}})['fc']['kernel'].sum()

    by_weight, by_threshold = jax.grad(total, (0, 1))(sizes, jnp.log(0.05))
    assert jnp.isfinite(by_weight).all() and (by_weight >= 0).all()
    assert (by_weight <= 1.5 + 1e-5).all() and by_threshold < 0
    # A weight below its threshold can come back.
    assert 0 < by_weight[0, 4] < 1 < by_weight[0, 5]


@pytest.mark.parametrize('factory', [learned_threshold, learned_group_threshold])
def test_what_starts_at_zero_can_move(factory):
    """As new inputs of inherited units do; the second column is all new."""
    kernel = jnp.array([[0.5, 0.0], [0.0, 0.0]])
    slope = jax.grad(lambda k: (jnp.array([[1.0, 2.0], [3.0, 4.0]]) * factory().mean(
        {'fc': {'kernel': k}}, _aux(0.05))['fc']['kernel']).sum())(kernel)
    np.testing.assert_array_equal(slope.ravel()[1:], [2, 3, 4])
    assert float(slope[0, 0]) >= 1


def test_a_threshold_cannot_run_away_and_comes_back():
    method, params = learned_threshold(), {'fc': {'kernel': KERNEL}}
    aux = {'fc': {'log_threshold': jnp.float32(50.0)}}
    lower = jax.grad(lambda a: -method.mean(params, a)['fc']['kernel'].sum())(aux)
    higher = jax.grad(lambda a: method.penalty(params, a, WHOLE))(aux)
    assert float(lower['fc']['log_threshold']) > 0
    assert float(higher['fc']['log_threshold']) == 0
    assert not method.mean(params, aux)['fc']['kernel'].any()


def test_trainings_run_on_the_gated_weights():
    """The loss is that of the network without the weights below the threshold."""
    skeleton, candidate = sampled.unpadded(LINEAR)
    rng = np.random.default_rng(0)
    batch = (rng.normal(size=(1, 2, 2, 8)).astype(np.float32),
             rng.integers(0, 3, 8).astype(np.int32))
    method = learned_threshold()
    procedure = Procedure(skeleton, method, TrainConfig(epochs=2, batch_size=8))
    state = sampled.started(procedure, candidate)
    aux = {'classifier': {'log_threshold': jnp.log(jnp.float32(0.5))}}
    kernel = np.asarray(state.params['classifier']['kernel'], np.float64)
    kernel[np.abs(kernel) < 0.5] = 0
    assert 0 < (kernel != 0).sum() < 12
    valid = sizes.valid_weights(skeleton, candidate)
    loss, (entropy, _, _) = sampled.quick_jit(lambda aux: step.loss_fn(
        (state.params, aux), state, np.array([1, 2], np.uint32), batch, valid,
        (candidate, 1.0, 0.01), procedure=procedure))(aux)
    logits = kernel @ batch[0].reshape(4, 8) + np.asarray(
        state.params['classifier']['bias'])[:, None]
    p = np.exp(logits - logits.max(0))
    expected = -np.log((p / p.sum(0))[batch[1], np.arange(8)]).mean()
    assert float(entropy) == pytest.approx(expected, rel=1e-5)
    assert float(loss) == pytest.approx(
        expected + 0.01 * 4 * (kernel != 0).sum(), rel=1e-5)


def test_a_number_of_a_layer_is_stored_and_inherited():
    skeleton, _ = sampled.unpadded(LINEAR)
    tree = {'classifier': {'log_threshold': np.float32(-2.5)}}
    exact = weights.extract(skeleton, LINEAR, tree)
    assert exact['classifier']['log_threshold'].shape == ()
    empty = {'classifier': {'log_threshold': np.zeros((), np.float32)}}
    values, mask = weights.embed(skeleton, LINEAR, LINEAR, exact, empty)
    assert values == tree and mask['classifier']['log_threshold'].all()
    stored = weights_file.unpack(weights_file.pack(Weights({}, exact, {}, {}, {})))
    assert stored.aux['classifier']['log_threshold'].shape == ()
    assert stored.aux == tree


@functools.cache
def _trained(factory, alpha):
    """(validation-like accuracy, surviving inputs [16], log threshold) of a linear
    network on images of which only the first row says anything."""
    graph = Graph((4, 4, 1), 1, False, (
        Node('classifier', 'dense', ('input',), 2, relu=False),))
    skeleton, candidate = sampled.unpadded(graph)
    candidate = candidate._replace(
        alpha=np.float32(alpha), zero_regularization_epochs=np.float32(10),
        annealing_epochs=np.float32(20), learning_rate=np.float32(0.01))
    rng = np.random.default_rng(0)
    images = rng.normal(size=(256, 4, 4, 1)).astype(np.float32)
    data = TrainData(images, (images[:, 0].sum((1, 2)) > 0).astype(np.int32))
    procedure = Procedure(skeleton, factory(), TrainConfig(
        epochs=40, batch_size=32, variational_rate=10.0))

    def run(key):
        state = initialise(key, candidate, procedure=procedure)
        state, info = train(key, state, candidate, data, key, procedure=procedure)
        live, _ = prune(state, candidate, procedure=procedure)
        return info.accuracy[-1], live.kernel['classifier'], state.aux

    accuracy, kept, aux = jax.device_get(sampled.quick_jit(run)(jax.random.key(0)))
    return accuracy, kept.any(axis=0), aux['classifier']['log_threshold']


@pytest.mark.parametrize('factory', [learned_threshold, learned_group_threshold])
def test_training_moves_the_threshold_between_noise_and_signal(factory):
    accuracy, kept, threshold = _trained(factory, 1.0)
    assert accuracy > 0.9
    assert kept[:4].all() and not kept[4:].any()
    assert threshold > -5
    *_, free = _trained(factory, 0.0)
    assert free < threshold
