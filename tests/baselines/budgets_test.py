"""Projections that fill a budget to the byte."""

import pytest

from sparse_jax.baselines import bonsai, budgets, protonn, sizes


@pytest.mark.parametrize('budget', [1000, 2048, 16_384, 31_000])
def test_a_filled_tree_is_within_its_budget_and_near_it(budget):
    tree = bonsai.Tree(features=784, classes=2, projection=5, depth=2)
    start = bonsai.Tuning(share_w=1, share_v=1, share_t=1)
    filled = budgets.fill_bonsai(tree, start, budget)
    found = sizes.size(bonsai.stored(tree, filled))
    assert found <= budget
    # A dense projection has 15700 bytes; below that the rest is under one value.
    assert budget - found < 8 or filled.share_z == 1.0


def test_a_share_of_half_or_more_becomes_what_indices_pay_for():
    # 100 values: 400 bytes dense; at 396 bytes 49 of them with indices.
    assert budgets.share_of(100, 400) == 1.0
    assert budgets.share_of(100, 399) == 0.49
    assert budgets.share_of(100, 80) == 0.1


def test_what_leaves_no_room_is_no_candidate():
    tree = bonsai.Tree(features=784, classes=10, projection=30, depth=3)
    assert budgets.fill_bonsai(tree, bonsai.Tuning(), 18_000) is None
    assert budgets.fill_protonn(
        protonn.Prototypes(784, 10, 15, 5), protonn.Tuning(), 4_000) is None


def test_protonn_fills_the_published_budget():
    shape = protonn.Prototypes(784, 10, projection=20, per_class=5)
    filled = budgets.fill_protonn(shape, protonn.Tuning(), int(63.4 * 1024))
    found = sizes.size(protonn.stored(shape, filled))
    assert found <= 63.4 * 1024 and filled.share_w < 0.5
