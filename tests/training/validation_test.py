"""The validation loss by hand, and its gradient through a whole training."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.data.dataset import Split, assemble
from sparse_jax.pruning import bayes_compress, sparse_vd
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.training import (
    Procedure,
    TrainConfig,
    TrainData,
    initialise,
    train,
    train_data,
    validation_loss,
)
from tests import sampled

GRAPH = Graph((1, 3, 1), 1, False, (
    Node('main-fc', 'dense', ('input',), 4),
    Node('classifier', 'dense', ('main-fc',), 3, relu=False)))
SKELETON, CANDIDATE = sampled.unpadded(GRAPH)


def _data(num, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num, 1, 3, 1)).astype(np.float32)
    return TrainData(images, images[:, 0, :, 0].argmax(1).astype(np.int32))


@pytest.mark.parametrize('chunk', [4, 23, 256])
def test_the_loss_by_hand(chunk):
    """Of the posterior's mean: kernels times the means of their groups."""
    procedure, data = Procedure(SKELETON, bayes_compress()), _data(23)
    state = sampled.started(procedure, CANDIDATE)
    scale = np.array([1.0, -2.0, 0.5], np.float32)
    state = state._replace(aux=state.aux | {
        'main-fc': state.aux['main-fc'] | {'group_mean': scale}})
    value = lambda name, v: np.asarray(state.params[name][v], np.float64)
    x = data.images.reshape(23, 3) @ (value('main-fc', 'kernel') * scale).T
    x = np.maximum(x + value('main-fc', 'bias'), 0)
    logits = x @ value('classifier', 'kernel').T + value('classifier', 'bias')
    expected = (np.log(np.exp(logits).sum(1)) - logits[range(23), data.labels]).mean()
    found = sampled.quick_jit(lambda state: validation_loss(
        state, CANDIDATE, data, procedure=procedure, chunk=chunk))(state)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_of_alpha_through_a_training():
    """Of the final penalty weight: finite, not 0, and what differences say."""
    procedure = Procedure(SKELETON, sparse_vd(), TrainConfig(6, 8, decay=0.0))
    training, validation = _data(32), _data(40, seed=1)
    candidate = CANDIDATE._replace(
        pretraining=np.float32(0), zero_regularization_epochs=np.float32(0),
        annealing_epochs=np.float32(1), learning_rate=np.float32(3e-3))

    def after_training(alpha):
        mine = candidate._replace(alpha=alpha)
        state = initialise(jax.random.key(0), mine, procedure=procedure)
        state, _ = train(jax.random.key(1), state, mine, training, jax.random.key(2),
                         procedure=procedure)
        return validation_loss(state, mine, validation, procedure=procedure)

    both = sampled.quick_jit(jax.value_and_grad(after_training))
    slope = float(both(jnp.float32(0.3))[1])
    step = 0.02
    high, low = (float(both(jnp.float32(0.3 + d))[0]) for d in (step, -step))
    assert np.isfinite(slope) and abs(slope) > 1e-4
    assert slope == pytest.approx((high - low) / (2 * step), rel=0.03)


def test_a_whole_candidate_has_no_gradient():
    procedure, data = Procedure(SKELETON, sparse_vd()), _data(5)
    state = sampled.started(procedure, CANDIDATE)
    loss = functools.partial(validation_loss, procedure=procedure)
    with pytest.raises(TypeError, match='int32'):
        jax.grad(loss, argnums=1)(state, CANDIDATE, data)


def test_data_are_normalised_by_the_training_part():
    """Pixels 0 and 4: mean 2, standard deviation 2."""
    images = np.array([0, 4], np.uint8).repeat(4).reshape(2, 2, 2, 1)
    labels = np.array([0, 1], np.int64)
    dataset = assemble('two', Split(images, labels), Split(images[1:] + 2, labels[1:]),
                       ('a', 'b'))
    found = train_data(dataset.validation, dataset)
    np.testing.assert_array_equal(found.images, np.full((1, 2, 2, 1), 2.0))
    assert found.images.dtype == jnp.float32 and found.labels.dtype == jnp.int32
    assert found.num_images() == 1 and found.labels.tolist() == [1]
