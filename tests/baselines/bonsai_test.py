"""The tree: paths, losses, folding, training in a grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.baselines import bonsai, features, grids
from sparse_jax.baselines.thresholding import Plan
from tests import sampled
from tests.baselines import tiny

TREE = bonsai.Tree(features=6, classes=3, projection=4, depth=2)
PLAN = Plan(epochs=90)


@pytest.mark.parametrize('sharpness', [0.0, 0.7, bonsai.HARD])
def test_indicators_of_a_level_add_up_to_one(sharpness):
    along = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    levels = sampled.quick_jit(lambda: bonsai.indicators(along, 3, sharpness))()
    assert [level.shape for level in levels] == [(50, 1), (50, 2), (50, 4), (50, 8)]
    for level in levels:
        np.testing.assert_allclose(level.sum(axis=1), 1.0, rtol=1e-6)


def test_indicators_by_hand():
    levels = bonsai.indicators(jnp.array([[0.3, -0.2, 0.4]]), 2, 2.0)
    left, low, high = np.tanh([0.6, -0.4, 0.8])
    nodes = np.array([(1 + left) * (1 + low), (1 + left) * (1 - low),
                      (1 - left) * (1 + high), (1 - left) * (1 - high)]) / 4
    np.testing.assert_allclose(levels[2][0], nodes, rtol=1e-6)


@pytest.mark.parametrize('depth', [0, 1, 3])
@pytest.mark.parametrize('classes', [2, 5])
def test_one_path_is_the_soft_tree_at_great_sharpness(depth, classes):
    tree = bonsai.Tree(features=6, classes=classes, projection=4, depth=depth)
    rng = np.random.default_rng(2)
    draw = lambda shape: rng.normal(size=shape).astype(np.float32)
    matrices = {name: draw(shape) for name, shape in tree.shapes.items()}
    points = draw((40, 6))
    path, soft = sampled.quick_jit(lambda matrices: [
        scores(matrices, points, tree, sigma=0.5)
        for scores in (bonsai.path_scores, bonsai.scores)])(matrices)
    np.testing.assert_allclose(path, soft, rtol=1e-4, atol=1e-5)


def test_scores_of_a_single_node_by_hand():
    tree = bonsai.Tree(features=2, classes=2, projection=2, depth=0)
    matrices = {'Z': jnp.array([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]]),
                'W': jnp.array([[[2.0, -1.0]]]), 'V': jnp.array([[[0.5, 0.25]]]),
                'T': jnp.zeros((0, 2))}
    reduced = np.array([1 + 4 + 3, -2 + 1]) / 2
    wanted = (2 * reduced[0] - reduced[1]) * np.tanh(
        3 * (0.5 * reduced[0] + 0.25 * reduced[1]))
    found = bonsai.scores(matrices, jnp.array([[1.0, 2.0]]), tree, sigma=3.0)
    np.testing.assert_allclose(found, [[wanted]], rtol=1e-6)


def test_margin_losses_by_hand():
    np.testing.assert_allclose(bonsai.margin_losses(
        jnp.array([[0.4], [-0.4], [3.0]]), jnp.array([1, 1, 0])), [0.6, 1.4, 4.0])
    np.testing.assert_allclose(bonsai.margin_losses(
        jnp.array([[2.0, 1.5, 0.0], [2.0, 0.5, 0.0]]), jnp.array([0, 2])), [0.5, 3.0])


def test_folding_the_statistics_changes_no_score():
    raw, by = tiny.points()
    matrices = bonsai.init(jax.random.key(3), TREE)
    wanted = bonsai.path_scores(
        matrices, jnp.asarray(features.standardise(raw.features, by)), TREE, sigma=1.0)
    found = bonsai.path_scores(
        bonsai.folded(matrices, by), jnp.asarray(raw.features), TREE, sigma=1.0)
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3)


def test_a_grid_is_one_program_and_learns_within_its_budgets():
    data = tiny.standardised()
    traces = []

    def counted(key, data, tree, tuning, plan):
        traces.append(tree)
        return bonsai.train(key, data, tree, tuning, plan)

    tunings = grids.product(
        bonsai.Tuning(share_w=0.5, share_v=0.5, share_t=1.0), rate=(0.01, 0.03),
        share_z=(0.3, 1.0))
    key = jax.random.key(0)
    options = dict(method=counted, shape=TREE, plan=PLAN)
    grid = grids.train(key, data, grids.stacked(tunings), **options)
    again = grids.train(key, data, grids.stacked(
        [t._replace(sigma=2.0, decay_z=1e-3) for t in tunings]), **options)
    assert len(traces) == 1 and not np.array_equal(grid['Z'], again['Z'])
    for index, tuning in enumerate(tunings):
        one = grids.member(grid, index)
        for name, part in bonsai.stored(TREE, tuning).items():
            assert np.count_nonzero(one[name]) <= np.ceil(part.share * part.values)
        found = bonsai.predict(one, data.features, TREE, sigma=tuning.sigma)
        if tuning.share_z == 1.0 and tuning.rate == 0.03:
            assert grids.accuracy(found, data.labels) > 0.9


def test_neighbours_in_a_grid_change_nothing():
    data, key = tiny.standardised(classes=2), jax.random.key(0)
    tree = bonsai.Tree(features=6, classes=2, projection=3, depth=1)
    tunings = grids.product(bonsai.Tuning(), rate=(0.01, 0.02))
    options = dict(method=bonsai.train, shape=tree, plan=Plan(epochs=3))
    both = grids.train(key, data, grids.stacked(tunings), **options)
    swapped = grids.train(key, data, grids.stacked(tunings[::-1]), **options)
    for name, leaf in grids.member(both, 0).items():
        np.testing.assert_array_equal(leaf, swapped[name][1])
