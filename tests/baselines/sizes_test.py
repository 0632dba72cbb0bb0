"""Bytes by the published rules."""

import numpy as np
import pytest

from sparse_jax.baselines import bonsai, protonn, sizes
from sparse_jax.model.compact import CompactNet, CompactNode


def test_published_size_of_bonsai_on_usps_to_the_byte():
    # The authors' example: 28 dimensions, depth 3, 4156 non-zeros, 31.703125 KB.
    tree = bonsai.Tree(features=256, classes=10, projection=28, depth=3)
    tuning = bonsai.Tuning(share_z=0.2, share_w=0.3, share_v=0.3, share_t=0.62)
    parts = bonsai.stored(tree, tuning)
    assert sizes.size(parts, 'published') / 1024 == 31.703125
    assert sizes.size(parts, 'nnz') == 4156
    assert 4 * sizes.size(parts, '1-byte') == sizes.size(parts, 'published')


def test_published_size_of_protonn_on_two_groups_of_cifar():
    # 15.94 KB: 40 prototypes in 10 dimensions, 1800 of 4000 values of the projection.
    shape = protonn.Prototypes(features=400, classes=2, projection=10, per_class=20)
    parts = protonn.stored(shape, protonn.Tuning(share_w=0.45))
    assert sizes.size(parts) == 40 * 12 * 4 + 1800 * 8
    assert round(sizes.size(parts) / 1024, 2) == 15.94


def test_binary_tree_of_two_kilobytes():
    # 340 bytes of dense nodes; 213 values of Z with their indices are the rest.
    tree = bonsai.Tree(features=784, classes=2, projection=5, depth=2)
    parts = bonsai.stored(tree, bonsai.Tuning(
        share_z=213 / (5 * 785), share_w=1, share_v=1, share_t=1))
    assert sum(p.values for n, p in parts.items() if n != 'Z') * 4 == 340
    assert sizes.size(parts) == 340 + 213 * 8 <= 2048


@pytest.mark.parametrize('values, share, number', [
    (100, 0.07, 7), (7196, 0.2, 1440), (10, 0.01, 1), (3, 1.0, 3), (4200, 0.3, 1260)])
def test_kept_is_the_share_rounded_up(values, share, number):
    assert sizes.kept(values, share) == number


def test_half_is_stored_without_indices():
    assert sizes.size({'Z': sizes.Stored(10, 0.5)}) == 40
    assert sizes.size({'Z': sizes.Stored(10, 0.49)}) == 40
    assert sizes.size({'Z': sizes.Stored(10, 0.4)}) == 32


def test_unknown_rule_is_one_line():
    with pytest.raises(ValueError, match="rule 'two'; allowed: published, 1-byte, nnz"):
        sizes.size({}, 'two')


def test_counts_are_those_of_the_matrices():
    tree = bonsai.Tree(features=7, classes=3, projection=4, depth=2)
    parts = bonsai.stored(tree, bonsai.Tuning())
    assert {n: p.values for n, p in parts.items()} == {
        n: np.prod(s) for n, s in tree.shapes.items()} == {
        'Z': 32, 'W': 84, 'V': 84, 'T': 12}


def test_indices_of_sparse_layers_of_a_network_are_counted():
    weight = np.zeros((2, 10))
    weight[0, :4] = 1
    net = CompactNet((1, 10, 1), 1, False, 0.0, 1.0, (
        CompactNode('classifier', 'dense', ('input',), weight, np.zeros(2)),))
    found = sizes.of_network(net)
    assert found['classifier/weight'] == (20, 0.2)
    assert sizes.size(found) == 4 * (2 * 4 + 2)
