"""Training with the mask held: less loss, the same network, no harm if it diverges."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sparse_jax import pruning
from sparse_jax.data.dataset import normalise
from sparse_jax.data.synthetic import synthetic
from sparse_jax.model import deploy, network, sizes
from sparse_jax.model.connectivity import Live, live
from sparse_jax.model.skeleton import TierPolicy, candidate_of, pad
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.finetune import finetune
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.train import initialise
from tests import sampled

CONFIG = TrainConfig(epochs=3, batch_size=32)
GRAPH = Graph((6, 6, 1), 1, False, (
    Node('conv', 'conv', ('input',), 3, 3, 3, pool=2, batch_norm=True),
    Node('classifier', 'dense', ('conv',), 4, relu=False)))
SETTINGS = {
    'alpha': 1.0, 'pretraining': False, 'zero-regularization-epochs': 20,
    'annealing-epochs': 20, 'learning-rate': 0.05, 'log-alpha-offset': 0.0}


@pytest.fixture(scope='module')
def tuned():
    """{rate: (loss before, loss after)} and the trees of an untrained pruned net."""
    skeleton = pad(GRAPH, TierPolicy(widths=(4,)))
    data = synthetic(3, shape=(6, 6, 1), num_train=128, num_validation=16, noise=20.0)
    train = TrainData(normalise(data.train.images, data.mean, data.std),
                      data.train.labels)

    @sampled.quick_jit
    def run(rate):
        candidate = candidate_of(GRAPH, SETTINGS)._replace(learning_rate=rate)
        procedure = Procedure(skeleton, pruning.METHODS['none'](), CONFIG)
        state = initialise(jax.random.key(0), candidate, procedure=procedure)
        # Channel 1 loses all inputs, the classifier every third weight.
        kept = {name: jnp.asarray(leaf['kernel'])
                for name, leaf in sizes.valid_weights(skeleton, candidate).items()}
        kept['conv'] = kept['conv'].at[1].set(False)
        thirds = jnp.arange(kept['classifier'].size) % 3 > 0
        kept['classifier'] &= thirds.reshape(kept['classifier'].shape)
        pruned = live(skeleton, candidate, kept)
        folded = deploy.fold_and_mask(skeleton, state.params, state.stats, pruned)
        after = finetune(jax.random.key(1), folded, pruned, candidate, train,
                         jax.random.key(2), 6, procedure=procedure)
        images = jnp.moveaxis(network.prepare_images(skeleton, train.images), 0, -1)

        def loss(params):
            logits = deploy.predict(skeleton, params, candidate, images)
            return optax.softmax_cross_entropy_with_integer_labels(
                logits.T, jnp.asarray(train.labels)).mean()

        return loss(folded), loss(after), folded, after, pruned

    return {rate: jax.device_get(run(rate)) for rate in (0.05, 1e30)}


def test_the_loss_falls(tuned):
    before, after = tuned[0.05][:2]
    assert after < 0.8 * before


def test_removed_weights_stay_removed(tuned):
    _, _, folded, after, pruned = tuned[0.05]
    for name, mask in pruned.kernel.items():
        assert not after[name]['kernel'][~mask].any()
        assert (after[name]['kernel'] != folded[name]['kernel'])[mask].all()
        assert not after[name]['bias'][~pruned.units[name]].any()
    assert not pruned.units['conv'][1] and pruned.units['conv'][0]


def test_a_divergence_changes_nothing(tuned):
    _, _, folded, after, _ = tuned[1e30]
    jax.tree.map(np.testing.assert_array_equal, after, folded)


LINEAR = Graph((2, 2, 1), 1, False, (
    Node('classifier', 'dense', ('input',), 3, relu=False),))
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 1]], bool)
RATE = 3.0


def _linear():
    """(images [5, 2, 2, 1], labels, masked kernel, bias) of the linear network."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(5, 2, 2, 1)).astype(np.float32),
            rng.integers(0, 3, 5).astype(np.int32),
            np.where(MASK, rng.normal(size=(3, 4)), 0.0).astype(np.float32),
            rng.normal(size=3).astype(np.float32))


def _finetuned(epochs):
    """The linear network after `epochs` steps of all its images."""
    images, labels, kernel, bias = _linear()
    skeleton, candidate = sampled.unpadded(LINEAR)
    pruned = Live({'classifier': MASK},
                  {'classifier': np.ones(3, bool), 'input': np.ones(1, bool)})
    procedure = Procedure(skeleton, pruning.METHODS['sparse_vd'](),
                          TrainConfig(epochs=7, batch_size=5, decay=0.25))

    @sampled.quick_jit
    def run(folded):
        return finetune(
            jax.random.key(1), folded, pruned,
            candidate._replace(learning_rate=np.float32(RATE)),
            TrainData(images, labels), jax.random.key(2), epochs,
            procedure=procedure)['classifier']

    return run({'classifier': {'kernel': kernel, 'bias': bias}})


def test_one_step_moves_kept_weights_by_a_tenth_of_the_rate():
    """The first step of Adam has the size of its rate."""
    _, _, kernel, bias = _linear()
    after = _finetuned(1)
    np.testing.assert_allclose(
        np.abs(after['kernel'] - kernel), 0.1 * RATE * MASK, rtol=1e-4)
    np.testing.assert_allclose(np.abs(after['bias'] - bias), 0.1 * RATE, rtol=1e-4)


def _adam(steps):
    """Masked kernel and bias after Adam steps of falling rate, slowly."""
    images, labels, kernel, bias = _linear()
    x, mask = images.reshape(5, 4).T, np.c_[MASK, np.ones(3, bool)]
    x = np.r_[x, np.ones((1, 5))]
    w = np.c_[kernel, bias].astype(float)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(steps):
        p = np.exp(w @ x)
        p /= p.sum(0)
        g = (p - np.eye(3)[labels].T) @ x.T / 5 * mask
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = 0.1 * RATE * (1 - step / steps)
        scaled = m / (1 - 0.9 ** (step + 1))
        w -= rate * scaled / (np.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-8)
    return w[:, :4], w[:, 4]


def test_the_rate_falls_linearly_and_removed_weights_take_no_part():
    kernel, bias = _adam(4)
    after = _finetuned(4)
    np.testing.assert_allclose(after['kernel'], kernel, atol=1e-4)
    np.testing.assert_allclose(after['bias'], bias, atol=1e-4)
