"""Prototypes: scores, start, folding, training in a grid."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.baselines import features, grids, protonn
from sparse_jax.baselines.thresholding import Plan
from tests.baselines import tiny

SHAPE = protonn.Prototypes(features=6, classes=3, projection=4, per_class=2)


def test_scores_against_a_slow_reference():
    draw = np.random.default_rng(0)
    w, b, z = (draw.normal(size=size) for size in ((2, 5), (2, 3), (4, 3)))
    points = draw.normal(size=(7, 5))
    wanted = [[sum(z[l, j] * np.exp(-0.3**2 * np.sum((w @ x - b[:, j])**2))
                   for j in range(3)) for l in range(4)] for x in points]
    matrices = {n: jnp.asarray(m, jnp.float32) for n, m in zip('WBZ', (w, b, z))}
    found = protonn.scores(protonn.Fitted(matrices, jnp.asarray(0.3)),
                           jnp.asarray(points, jnp.float32))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_first_prototypes_are_means_of_their_class():
    # One prototype for each class is the mean of all of its projected points.
    data = tiny.standardised()
    shape = protonn.Prototypes(features=6, classes=3, projection=4, per_class=1)
    start = protonn.init(jax.random.key(0), data, shape, 2.5)
    projected = data.features @ np.asarray(start.matrices['W']).T
    for label in range(3):
        np.testing.assert_allclose(
            start.matrices['B'][:, label], projected[data.labels == label].mean(axis=0),
            rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(start.matrices['Z'], np.eye(3))
    distances = np.linalg.norm(
        projected[:, :, None] - np.asarray(start.matrices['B']), axis=1)
    np.testing.assert_allclose(start.gamma, 2.5 / np.median(distances), rtol=1e-3)


def test_prototypes_of_a_class_of_few_examples_are_its_own():
    points = jnp.array([[0.0, 0.0], [1.0, 0.0], *[[9.0, 9.0]] * 6])
    belongs = jnp.arange(8) < 2
    found = np.asarray(protonn._means(jax.random.key(0), points, belongs, 5))
    assert (found.max(1) <= 1.0).all() and len(np.unique(found, axis=0)) == 2


def test_folding_the_statistics_changes_no_score():
    raw, by = tiny.points()
    data = features.Labelled(features.standardise(raw.features, by), raw.labels)
    fitted = protonn.init(jax.random.key(3), data, SHAPE, 2.5)
    wanted = protonn.scores(fitted, jnp.asarray(data.features))
    found = protonn.scores(protonn.folded(fitted, by), jnp.asarray(raw.features))
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3)


def test_a_grid_is_one_program_and_learns_within_its_budgets():
    data = tiny.standardised()
    traces = []

    def counted(key, data, shape, tuning, plan):
        traces.append(shape)
        return protonn.train(key, data, shape, tuning, plan)

    tunings = grids.product(protonn.Tuning(), rate=(0.01, 0.03), share_w=(0.3, 1.0))
    grid = grids.train(
        jax.random.key(0), data, grids.stacked(tunings), method=counted, shape=SHAPE,
        plan=Plan(epochs=40))
    assert len(traces) == 1
    for index, tuning in enumerate(tunings):
        one = grids.member(grid, index)
        assert np.count_nonzero(one.matrices['W']) <= np.ceil(tuning.share_w * 24)
        found = protonn.predict(one, data.features)
        if tuning.share_w == 1.0 and tuning.rate == 0.03:
            assert grids.accuracy(found, data.labels) > 0.9
