"""Weights of classes in the loss: values by hand, and what a training makes of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import sizes
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training import step
from sparse_jax.training.class_weights import weights_of
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.train import train
from tests import sampled

LINEAR = Graph((2, 2, 1), 1, False, (
    Node('classifier', 'dense', ('input',), 3, relu=False),))
SKELETON, CANDIDATE = sampled.unpadded(LINEAR)
CANDIDATE = CANDIDATE._replace(learning_rate=np.float32(0.05))


def _procedure(class_weights):
    return Procedure(SKELETON, METHODS['none'](), TrainConfig(
        epochs=20, batch_size=10, class_weights=class_weights))


@pytest.mark.parametrize('labels, expected', [
    ([0, 0, 0, 0, 0, 0, 1, 1, 2, 2], [10 / 18, 10 / 6, 10 / 6]),
    ([0, 1, 2], [1, 1, 1]),
    ([0, 0, 0, 1], [4 / 6, 4 / 2, 0]),  # None of the last class.
])
def test_weights_by_hand(labels, expected):
    found = weights_of(jnp.array(labels), _procedure('balanced'))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.mean(np.asarray(found)[labels]) == pytest.approx(1)
    assert weights_of(jnp.array(labels), _procedure('none')) is None


def test_the_loss_is_the_weighted_mean():
    procedure = _procedure('balanced')
    state = sampled.started(procedure, CANDIDATE)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(1, 2, 2, 5)).astype(np.float32)
    labels, weights = np.array([0, 1, 2, 2, 0]), np.array([0.5, 2, 1, 1, 0.5])
    _, (entropy, _, _) = sampled.quick_jit(lambda weights: step.loss_fn(
        (state.params, state.aux), state, np.zeros(2, np.uint32),
        (images, labels, weights), sizes.valid_weights(SKELETON, CANDIDATE),
        (CANDIDATE, 0.0, 0.0), procedure=procedure))(weights.astype(np.float32))
    kernel, bias = (np.asarray(state.params['classifier'][name], np.float64)
                    for name in ('kernel', 'bias'))
    logits = kernel @ images.reshape(4, 5) + bias[:, None]
    each = np.log(np.exp(logits).sum(0)) - logits[labels, np.arange(5)]
    assert float(entropy) == pytest.approx((weights * each).mean(), rel=1e-5)


def test_a_rare_class_is_told_by_a_training_with_balanced_weights():
    """Overlapping classes, 95 to 5: without weights the rare one is never named."""
    rng = np.random.default_rng(1)
    labels = (np.arange(400) % 20 == 0).astype(np.int32)
    images = rng.normal(size=(400, 2, 2, 1)) + 0.7 * labels[:, None, None, None]
    data = TrainData(jnp.asarray(images, jnp.float32), jnp.asarray(labels))

    def recall(name):
        procedure = _procedure(name)
        state = sampled.started(procedure, CANDIDATE)
        state, _ = sampled.quick_jit(lambda state: train(
            jax.random.key(1), state, CANDIDATE, data, jax.random.key(2),
            procedure=procedure))(state)
        kernel, bias = (state.params['classifier'][name] for name in ('kernel', 'bias'))
        named = (kernel @ images.reshape(400, 4).T + bias[:, None]).argmax(0)
        return np.mean(np.asarray(named)[labels == 1] == 1)

    assert recall('none') < 0.3
    assert recall('balanced') > 0.6


def test_other_words_are_refused():
    with pytest.raises(ValueError, match="train.class_weights: 'half' is not allowed; "
                                         'allowed: none, balanced'):
        TrainConfig(class_weights='half')
