"""Trainings that learn probabilities: the loss by hand, and that of certain ones."""

import jax
import numpy as np
import pytest

from sparse_jax.model import sizes
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training import step
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.train import train
from tests import sampled

LINEAR = Graph((2, 2, 1), 1, False, (
    Node('classifier', 'dense', ('input',), 3, relu=False),))
SKELETON, CANDIDATE = sampled.unpadded(LINEAR)
CANDIDATE = CANDIDATE._replace(learning_rate=np.float32(0.05))
PROCEDURE = Procedure(SKELETON, METHODS['none'](), TrainConfig(epochs=5, batch_size=10))


def _data():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(20, 2, 2, 1)).astype(np.float32),
            rng.integers(0, 3, 20).astype(np.int32), rng)


def test_the_loss_is_the_cross_entropy_of_probabilities():
    images, _, rng = _data()
    soft = rng.dirichlet(np.ones(3), 5).astype(np.float32)
    state = sampled.started(PROCEDURE, CANDIDATE)
    _, (entropy, accuracy, _) = sampled.quick_jit(lambda soft: step.loss_fn(
        (state.params, state.aux), state, np.zeros(2, np.uint32),
        (np.moveaxis(images[:5], 0, -1), soft),
        sizes.valid_weights(SKELETON, CANDIDATE), (CANDIDATE, 0.0, 0.0),
        procedure=PROCEDURE))(soft)
    kernel, bias = (np.asarray(state.params['classifier'][name], np.float64)
                    for name in ('kernel', 'bias'))
    logits = images[:5].reshape(5, 4) @ kernel.T + bias
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    assert float(entropy) == pytest.approx(-(soft * logs).sum(-1).mean(), rel=1e-5)
    assert float(accuracy) == (logs.argmax(-1) == soft.argmax(-1)).mean()


def test_certain_probabilities_are_labels():
    images, labels, _ = _data()
    state = sampled.started(PROCEDURE, CANDIDATE)
    run = sampled.quick_jit(lambda data: train(
        jax.random.key(1), state, CANDIDATE, data, jax.random.key(2),
        procedure=PROCEDURE)[0].params['classifier']['kernel'])
    certain = np.eye(3, dtype=np.float32)[labels]
    hard = run(TrainData(images, labels))
    np.testing.assert_allclose(
        run(TrainData(images, labels, certain)), hard, rtol=1e-4, atol=1e-5)
    # And labels that are there beside them are not learnt.
    other = run(TrainData(images, (labels + 1) % 3, certain))
    np.testing.assert_allclose(other, hard, rtol=1e-4, atol=1e-5)


def test_every_image_has_its_own():
    images, labels, _ = _data()
    with pytest.raises(AssertionError):
        TrainData(images, labels, np.ones((19, 3), np.float32)).num_images()
