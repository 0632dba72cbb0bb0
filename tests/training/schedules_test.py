"""Coefficients by hand, and the settings of a run."""

import numpy as np
import pytest

from sparse_jax.model.skeleton import Candidate
from sparse_jax.train_config import TrainConfig
from sparse_jax.training import schedules


def _candidate(pretraining, zero=20.0, annealing=25.0, alpha=0.4):
    return Candidate(None, None, None, None, np.float32(alpha),
                     np.float32(pretraining), np.float32(zero),
                     np.float32(annealing), None)


@pytest.mark.parametrize('epoch, ramp, jump', [
    (0, 0.0, 0.0), (19.9, 0.0, 0.0), (20, 0.0, 0.4), (25, 0.08, 0.4), (40, 0.32, 0.4),
    (45, 0.4, 0.4), (99, 0.4, 0.4)])
def test_penalty_coefficient(epoch, ramp, jump):
    """Zero for 20 epochs; then a ramp over 25 to 0.4, or all at once."""
    value = lambda pretraining: float(schedules.penalty_coefficient(
        np.float32(epoch), _candidate(pretraining)))
    assert value(0) == pytest.approx(ramp, abs=1e-6)
    assert value(1) == pytest.approx(jump, abs=1e-6)


@pytest.mark.parametrize('epoch, pretrained', [(0, 0.0), (19.9, 0.0), (20, 1.0)])
def test_noise_is_off_while_pretraining(epoch, pretrained):
    value = lambda pretraining: float(schedules.noise_scale(
        np.float32(epoch), _candidate(pretraining)))
    assert (value(1), value(0)) == (pretrained, 1.0)


@pytest.mark.parametrize('progress, half, whole', [
    (0.0, 1.0, 1.0), (0.5, 1.0, 0.5), (0.75, 0.5, 0.25), (0.9, 0.2, 0.1)])
def test_rate_factor(progress, half, whole):
    value = lambda decay: float(schedules.rate_factor(np.float32(progress), decay))
    assert value(0.5) == pytest.approx(half, abs=1e-6)
    assert value(1.0) == pytest.approx(whole, abs=1e-6)
    assert value(0.0) == 1.0


@pytest.mark.parametrize('progress, expected', [
    (0.0, 1.0), (0.4, 1.0), (0.6, 0.75), (0.7, 0.5), (0.8, 0.25), (1.0, 0.0)])
def test_a_cosine_falls_over_the_same_share(progress, expected):
    """Over the last 0.6 of a run: after a third of them 3/4 is left."""
    value = schedules.rate_factor(np.float32(progress), 0.6, 'cosine')
    assert float(value) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('decay, warmup, shape', [
    (1.0, 0.05, 'linear'), (0.3, 0.2, 'cosine'), (1.0, 1.0, 'linear'),
    (1.0, 0.5, 'cosine'), (0.6, 0.8, 'linear')])
def test_rates_add_up_to_the_travel(decay, warmup, shape):
    config = TrainConfig(decay=decay, warmup=warmup, schedule=shape)
    steps = np.arange(1000, dtype=np.float32)
    rate = schedules.per_step(8.0, 1000, config)
    factors = schedules.rate_factor(steps / 1000, decay, shape) * (
        schedules.warmup_factor((steps + 1) / 1000, warmup))
    assert float((rate * factors).sum()) == pytest.approx(8.0, rel=0.01)


def test_the_rate_warms_up_in_equal_steps():
    done = np.arange(1, 21, dtype=np.float32) / 20
    np.testing.assert_allclose(
        schedules.warmup_factor(done, 0.25), np.minimum(np.arange(1, 21) / 5, 1),
        rtol=1e-6)
    assert float(schedules.warmup_factor(np.float32(0.01), 0.0)) == 1.0


@pytest.mark.parametrize('name, bad, allowed', [
    ('epochs', 0, 'at least 1'), ('batch_size', 0, '1 to 4096'),
    ('batch_size', 5000, '1 to 4096'), ('variational_rate', 0.0, 'above 0'),
    ('decay', 1.5, '0 to 1'), ('clip_norm', -1.0, '0 (off) or above'),
    ('warmup', 1.5, '0 (none) to 1'), ('schedule', 'step', 'linear, cosine'),
    ('weight_decay', -0.1, '0 (none) to 1'),
    ('variational_travel', -1.0, '0 (by variational_rate) to 1000')])
def test_bad_settings_are_one_line(name, bad, allowed):
    with pytest.raises(ValueError) as caught:
        TrainConfig(**{name: bad})
    assert str(caught.value) == (
        f'train.{name}: {bad!r} is not allowed; allowed: {allowed}')


@pytest.mark.parametrize('num_images, nats, size', [(1000, 0.12, 50), (60_000, 2, 9)])
def test_a_share_costs_the_same_part_of_what_is_explained(num_images, nats, size):
    """Share 0.5: all weights of a fresh network, 4 nats each, cost half of N g."""
    kernel = np.arange(100) < size
    valid = {'a': {'kernel': kernel[:10], 'bias': np.ones(7, bool)},
             'b': {'kernel': kernel[10:]}}
    candidate = schedules.with_price(
        _candidate(0, alpha=0.0)._replace(kl_share=np.float32(0.5)), valid, num_images)
    alpha = float(schedules.explained_alpha(candidate, np.float32(nats)))
    assert alpha * 4 * size == pytest.approx(0.5 * num_images * nats, rel=1e-5)
    # A network that is worse than guessing pays nothing.
    assert float(schedules.explained_alpha(candidate, np.float32(-0.3))) == 0.0


def test_without_a_share_alpha_is_what_it_was():
    candidate = _candidate(0, alpha=0.37)
    priced = schedules.with_price(candidate, {'a': {'kernel': np.ones(3, bool)}}, 100)
    assert schedules.explained_alpha(priced, np.float32(1.7)) == candidate.alpha
