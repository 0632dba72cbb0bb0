"""Whole runs of vmapped candidates through one compiled program."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.data.dataset import normalise
from sparse_jax.data.synthetic import synthetic
from sparse_jax.evaluation.measure import measure
from sparse_jax.model import network
from sparse_jax.model.skeleton import TierPolicy, candidate_of, pad, stack
from sparse_jax.objectives import graph_costs
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.train import initialise, train
from tests import sampled

SLOTS, EPOCHS = 3, 16
CONFIG = TrainConfig(epochs=EPOCHS, batch_size=32)
POLICY = TierPolicy(widths=(8,), kernels=((2, 3),))
SETTINGS = {
    'alpha': 0.1, 'pretraining': False, 'zero-regularization-epochs': 20,
    'annealing-epochs': 20, 'learning-rate': 0.02, 'log-alpha-offset': 0.0,
    'pruning-threshold-knob': 1e-5}


def _graph(filters, kernel):
    return Graph((8, 8, 1), 1, False, (
        Node('conv', 'conv', ('input',), filters, kernel, kernel, pool=2, knob='knob'),
        Node('classifier', 'dense', ('conv',), 4, relu=False)))


SIZES = ((6, 3), (8, 2), (5, 3))
"""Maps and kernel of the networks of `learnt`."""


def _before(filters, kernel):
    """Costs of a network that nothing was removed from."""
    return graph_costs.graph_totals(_graph(filters, kernel))


def _candidate(filters=6, kernel=3, **settings):
    named = {name.replace('_', '-'): value for name, value in settings.items()}
    return candidate_of(_graph(filters, kernel), SETTINGS | named)


class _Run(NamedTuple):
    start: dict
    end: dict
    info: NamedTuple
    measurement: NamedTuple


class _Program:
    """initialise, train and measure `SLOTS` candidates; counts its traces."""

    def __init__(self, method):
        self.traces = 0
        self.skeleton = pad(_graph(6, 3), POLICY)
        data = synthetic(3, num_train=256, num_validation=128, noise=30.0)
        self.training, self.validation = (
            TrainData(normalise(part.images, data.mean, data.std), part.labels)
            for part in (data.train, data.validation))
        fixed = dict(procedure=Procedure(self.skeleton, METHODS[method](), CONFIG))

        def one(key, candidate, epochs):
            self.traces += 1
            init_key, train_key = jax.random.split(key)
            first = initialise(init_key, candidate, **fixed)
            last, info = train(train_key, first, candidate, self.training,
                               jax.random.key(9), epochs, **fixed)
            measured = measure(
                last, candidate, self.validation, *prune(last, candidate, **fixed),
                **fixed)
            return _Run((first.params, first.aux), (last.params, last.aux), info,
                        measured)

        self._run = sampled.train_jit(jax.vmap(one, in_axes=(0, 0, None)))

    def __call__(self, candidates, seeds=range(SLOTS), epochs=EPOCHS):
        """One `_Run` per candidate."""
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        result = jax.device_get(self._run(keys, stack(candidates), jnp.int32(epochs)))
        return [jax.tree.map(lambda v, i=i: v[i], result) for i in range(SLOTS)]


@pytest.fixture(scope='module')
def program():
    return _Program('sparse_vd')


@pytest.fixture(scope='module')
def learnt(program):
    """Three different networks of one skeleton."""
    settings = ({}, {'alpha': 1.0}, {'pretraining': True})
    return program([_candidate(*sizes, **own) for sizes, own in zip(SIZES, settings)])


def _same(a, b, check=np.testing.assert_array_equal):
    jax.tree.map(check, a, b)


def test_training_learns_and_prunes(learnt):
    """Chance is 0.75."""
    for run, sizes in zip(learnt, SIZES):
        assert run.measurement.status == status.OK
        assert run.info.loss[-1] < 0.6 * run.info.loss[0]
        assert run.info.accuracy[-1] > 0.85
        assert run.measurement.error < 0.15
        costs, before = run.measurement.costs, _before(*sizes)
        assert costs.model_size < before.model_size
        assert costs.working_memory <= before.working_memory


def test_costs_without_pruning_are_those_of_the_exact_graph(program):
    for run, sizes in zip(program([
            _candidate(*sizes, log_alpha_offset=100.0, pruning_threshold_knob=0.0)
            for sizes in SIZES], epochs=1), SIZES):
        assert [int(v) for v in run.measurement.costs] == list(_before(*sizes))


def test_a_neighbour_changes_nothing(program, learnt):
    others = program([_candidate(6, 3), _candidate(3, 3, learning_rate=0.001),
                      _candidate(7, 2)], seeds=(0, 11, 12))
    _same(others[0], learnt[0])
    assert np.abs(others[1].end[0]['conv']['kernel']
                  - learnt[1].end[0]['conv']['kernel']).max() > 0.01


def test_the_slot_changes_nothing_beyond_rounding(program, learnt):
    moved = program([_candidate(8, 2, alpha=1.0), _candidate(5, 3, pretraining=True),
                     _candidate(6, 3)], seeds=(1, 2, 0))
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3)
    for run, index in zip(moved, (1, 2, 0)):
        _same(run.info.loss, learnt[index].info.loss, close)
        assert run.measurement.costs.model_size == pytest.approx(
            learnt[index].measurement.costs.model_size, abs=2)


def test_a_divergence_is_a_status_and_stays_alone(program, learnt):
    runs = program([_candidate(6, 3), _candidate(8, 2, learning_rate=1e30),
                    _candidate(5, 3, pretraining=True)])
    assert [int(run.measurement.status) for run in runs] == [
        status.OK, status.NONFINITE, status.OK]
    assert not np.isfinite(runs[1].end[0]['conv']['kernel']).all()
    _same((runs[0], runs[2]), (learnt[0], learnt[2]))


def test_without_a_learning_rate_nothing_moves(program):
    """And every epoch of the noiseless phase sees each image exactly once."""
    frozen = _candidate(6, 3, learning_rate=0.0, pretraining=True,
                        zero_regularization_epochs=50)
    run = program([frozen] * SLOTS)[0]
    _same(run.start, run.end)
    x = jnp.moveaxis(network.prepare_images(
        program.skeleton, program.training.images), 0, -1)
    logits = np.asarray(network.SparseNet(program.skeleton).apply(
        {'params': run.start[0]}, frozen, x), np.float64)
    labels = program.training.labels
    shifted = logits - logits.max(0)
    picked = shifted[labels, np.arange(256)] - np.log(np.exp(shifted).sum(0))
    half = EPOCHS // 2
    # A missed or repeated image would change the mean of that epoch.
    np.testing.assert_allclose(run.info.loss[:half], -picked.mean(), rtol=1e-5)
    np.testing.assert_allclose(
        run.info.accuracy[:half], (logits.argmax(0) == labels).mean(), rtol=1e-6)
    # From then on there is noise.
    assert (np.abs(run.info.loss[half:] + picked.mean()) > 1e-4).any()


def test_every_epoch_has_its_own_order():
    """Of three images two are seen: the mean loss of an epoch tells which."""
    graph = Graph((2, 2, 1), 1, False, (
        Node('classifier', 'dense', ('input',), 3, relu=False),))
    skeleton, candidate = sampled.unpadded(graph)
    rng = np.random.default_rng(0)
    data = TrainData(rng.normal(size=(3, 2, 2, 1)).astype(np.float32), np.arange(3))
    fixed = dict(procedure=Procedure(
        skeleton, METHODS['none'](), TrainConfig(epochs=12, batch_size=2)))
    start = sampled.quick_jit(
        lambda: initialise(jax.random.key(0), candidate, **fixed))()

    @sampled.quick_jit
    def losses(order_key):
        return train(jax.random.key(1), start, candidate, data, order_key,
                     **fixed)[1].loss

    weights = start.params['classifier']
    logits = np.asarray(weights['kernel'] @ data.images.reshape(3, 4).T
                        + weights['bias'][:, None], float)
    each = np.log(np.exp(logits).sum(0)) - np.diag(logits)
    pairs = (each.sum() - each) / 2
    assert min(abs(pairs - np.roll(pairs, 1))) > 0.01
    orders = []
    for seed in (0, 1):
        gap = abs(np.asarray(losses(jax.random.key(seed)))[:, None] - pairs)
        assert gap.min(1).max() < 1e-5
        orders.append(tuple(gap.argmin(1)))
        assert set(orders[-1]) == {0, 1, 2}
    assert orders[0] != orders[1]


def test_a_shorter_run_is_the_same_program(program):
    """The schedule stretches over the epochs that run; the others are NaN."""
    short = program([_candidate(6, 3)] * SLOTS, seeds=(0, 0, 5), epochs=5)
    for run in short:
        for values in run.info:
            assert np.isfinite(values[:5]).all() and np.isnan(values[5:]).all()
        # 8 steps an epoch, 40 steps stand for 100 epochs of the table: 2.5 each.
        table = 2.5 * np.arange(40)
        ramp = 0.1 * np.clip((table - 20) / 20, 0, 1)
        np.testing.assert_allclose(
            run.info.coefficient[:5], ramp.reshape(5, 8).mean(1), atol=1e-6)
    _same(short[0], short[1])
    with pytest.raises(AssertionError):
        _same(short[0].end, short[2].end)


def test_a_network_without_a_path_is_empty(program):
    runs = program([_candidate(6, 3, log_alpha_offset=-100.0), _candidate(
        6, 3, log_alpha_offset=100.0, pruning_threshold_knob=0.0), _candidate(6, 3)])
    assert [int(run.measurement.status) for run in runs] == [
        status.EMPTY, status.OK, status.OK]
    # Constant logits: the share of the other classes.
    _, counts = np.unique(program.validation.labels, return_counts=True)
    assert any(abs(runs[0].measurement.error - (1 - c / 128)) < 1e-6 for c in counts)
    assert runs[0].measurement.costs.model_size == 4


def test_one_trace_served_all(program, learnt):
    """Every candidate, rate and length above went through one compiled program."""
    program([_candidate(2, 2, alpha=0.01)] * SLOTS, epochs=1)
    assert program.traces == 1


def test_bayesian_compression_learns_and_removes_groups():
    """Whole inputs of the classifier go, although all begin far below the cut."""
    program = _Program('bayes_compress')
    runs = program([_candidate(6, 3, alpha=1.0), _candidate(8, 3, alpha=1.0),
                    _candidate(8, 3, alpha=0.01)])
    for run in runs:
        assert run.measurement.status == status.OK
        assert run.measurement.error < 0.3
    share = [run.measurement.costs.model_size / _before(filters, 3).model_size
             for run, filters in zip(runs, (6, 8, 8))]
    assert max(share[:2]) < 0.5


@pytest.mark.parametrize('name', ['sparse_vd', 'bayes_compress'])
def test_a_training_can_be_differentiated(name):
    """The gradient of the final loss by the learning rate is that of differences, and
    training runs alike in 64-bit mode."""
    rng = np.random.default_rng(0)
    data = TrainData(rng.normal(size=(16, 8, 8, 1)).astype(np.float32),
                     rng.integers(0, 4, 16).astype(np.int32))
    config = TrainConfig(epochs=2, batch_size=8)
    fixed = dict(procedure=Procedure(
        pad(_graph(6, 3), POLICY), METHODS[name](), config))
    keys = jax.random.split(jax.random.key(0), 3)

    def loss(rate):
        candidate = _candidate()._replace(learning_rate=rate)
        state = initialise(keys[0], candidate, **fixed)
        _, info = train(keys[1], state, candidate, data, keys[2], **fixed)
        return info.loss[-1]

    run, rate = sampled.quick_jit(loss), np.float32(0.003)
    slope = float(sampled.quick_jit(jax.grad(loss))(rate))
    step = np.float32(3e-5)
    assert slope == pytest.approx(
        float(run(rate + step) - run(rate - step)) / float(2 * step), rel=0.03)
    with jax.enable_x64(True):
        wide = sampled.quick_jit(loss)(rate)
    assert wide.dtype == np.float32
    np.testing.assert_allclose(wide, run(rate), rtol=1e-3)


def test_no_images_is_one_clear_line():
    empty = TrainData(np.zeros((0, 8, 8, 1), np.float32), np.zeros(0, np.int32))
    fixed = dict(procedure=Procedure(
        pad(_graph(6, 3), POLICY), METHODS['none'](), CONFIG))
    key = jax.random.key(0)
    state = initialise(key, _candidate(), **fixed)
    with pytest.raises(ValueError, match='data has no images'):
        train(key, state, _candidate(), empty, key, **fixed)
    short = TrainData(np.zeros((3, 8, 8, 1), np.float32), np.zeros(2, np.int32))
    with pytest.raises(AssertionError, match='prefix'):
        train(key, state, _candidate(), short, key, **fixed)
