"""Hard thresholding, its phases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.baselines import sizes, thresholding
from sparse_jax.baselines.features import Labelled
from sparse_jax.baselines.thresholding import Plan
from tests import sampled


@pytest.mark.parametrize('number, share', [
    (7196, 0.2), (100, 0.07), (4200, 0.3), (196, 0.62), (5, 0.01), (92190, 0.1),
    (33, 1.0)])
def test_support_keeps_as_many_as_are_counted(number, share):
    matrix = np.random.default_rng(number).normal(size=number).astype(np.float32)
    mask = np.asarray(sampled.quick_jit(thresholding.support)(matrix, share))
    assert mask.sum() == sizes.kept(number, share)
    absolute = np.abs(np.asarray(matrix))
    assert absolute[mask].min() >= absolute[~mask].max(initial=0)


def test_equal_values_do_not_widen_the_support():
    mask = thresholding.support(jnp.array([[0.0, 2.0, -2.0], [0.0, 2.0, 0.0]]), 0.5)
    np.testing.assert_array_equal(mask, [[False, True, True], [False, True, False]])


def test_least_squares_finds_the_weights_that_matter():
    # Two of twelve features explain everything; the share leaves room for two.
    draw = np.random.default_rng(0)
    data = draw.normal(size=(400, 12)).astype(np.float32)
    labels = np.round(5 * data[:, 3] - 4 * data[:, 8]).astype(np.int32)
    method = thresholding.Method(
        lambda m, extra, x, y: jnp.mean((x @ m['w'] - y)**2),
        lambda key, m, extra, now: extra)
    found, _ = thresholding.train(
        jax.random.key(0), method, {'w': jnp.zeros(12)}, None, Labelled(data, labels),
        Plan(epochs=150), shares={'w': 2 / 12}, rate=0.05)
    weights = np.asarray(found['w'])
    assert list(np.flatnonzero(weights)) == [3, 8]
    np.testing.assert_allclose(weights[[3, 8]], [5, -4], atol=0.05)


def test_steps_and_batches_are_those_of_the_authors():
    assert Plan().batch(60_000) == 245 and Plan().batch(900) == 100
    assert Plan(epochs=2).steps(60_000) == 2 * 244
    assert Plan(batch_size=64).batch(50) == 50


def test_phases_restart_what_depends_on_them():
    method = thresholding.Method(
        lambda m, extra, x, y: jnp.sum(m['w']**2),
        lambda key, m, extra, now: jnp.where(now.since == 0, extra + 1, extra))
    _, phases = thresholding.train(
        jax.random.key(0), method, {'w': jnp.ones(3)}, jnp.zeros(()),
        Labelled(np.zeros((300, 2), np.float32), np.zeros(300, np.int32)),
        Plan(epochs=7), shares={'w': 1.0}, rate=0.1)
    assert phases == 3


def test_a_plan_without_epochs_is_refused():
    with pytest.raises(ValueError, match='epochs=0'):
        Plan(epochs=0)
