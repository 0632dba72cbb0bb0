"""Rows of the parts, default sizes, impossible sizes."""

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec
from sparse_jax.data.splits import draw, indices, sizes, stratified


def test_parts_are_disjoint_and_complete():
    train, validation, test = indices(1797, 300, 300, seed=0)
    assert (len(train), len(validation), len(test)) == (1197, 300, 300)
    assert sorted([*train, *validation, *test]) == list(range(1797))


def test_split_depends_on_the_seed_alone():
    first, again, other = (indices(50, 5, 10, seed) for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other):
        np.testing.assert_array_equal(a, b)
        assert set(a) != set(c)


def test_split_is_the_documented_permutation():
    order = np.random.default_rng(5).permutation(20)
    train, validation, test = indices(20, 3, 4, seed=5)
    np.testing.assert_array_equal(np.concatenate([test, validation, train]), order)


def test_test_rows_do_not_depend_on_the_validation_size():
    np.testing.assert_array_equal(indices(50, 5, 10, 0)[2], indices(50, 20, 10, 0)[2])


def _counts(labels, rows):
    return [np.bincount(labels[part], minlength=labels.max() + 1).tolist()
            for part in rows]


def _labels(*counts):
    """So many of each class, shuffled."""
    whole = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(7).permutation(whole)


@pytest.mark.parametrize('counts, validation, test, expected', [
    # Exact shares.
    ((50, 30, 20), 10, 20, ([35, 21, 14], [5, 3, 2], [10, 6, 4])),
    # The largest remainders: 6.4 and 3.6 of the test part.
    ((16, 9), 3, 10, ([8, 4], [2, 1], [6, 4])),
    # Three images are for three parts, two for training and validation, one to train.
    ((94, 3, 2, 1), 10, 20, ([67, 1, 1, 1], [8, 1, 1, 0], [19, 1, 0, 0])),
    # An official test set: nothing is drawn for it.
    ((96, 2), 10, 0, ([87, 1], [9, 1], [0, 0])),
    # Parts with fewer places than classes: the larger ones have them.
    ((5, 6, 7), 1, 2, ([5, 5, 5], [0, 0, 1], [0, 1, 1])),
])
def test_stratified_parts_by_hand(counts, validation, test, expected):
    labels = _labels(*counts)
    rows = stratified(labels, validation, test, seed=3)
    assert sorted(np.concatenate(rows)) == list(range(len(labels)))
    assert [len(part) for part in rows] == [
        len(labels) - validation - test, validation, test]
    assert _counts(labels, rows) == [list(some) for some in expected]


def test_stratified_parts_are_random_and_reproducible():
    labels = _labels(40, 20, 5)
    first, again = (stratified(labels, 6, 13, seed=1) for _ in range(2))
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
    assert set(stratified(labels, 6, 13, seed=2)[2]) != set(first[2])
    # The test part does not depend on the size of the validation part, and all parts
    # are in the order of the permutation.
    np.testing.assert_array_equal(stratified(labels, 20, 13, seed=1)[2], first[2])
    order = np.random.default_rng(1).permutation(65)
    for part in first:
        np.testing.assert_array_equal(part, order[np.isin(order, part)])


def test_a_random_draw_stays_unless_a_class_is_left_out():
    same = lambda labels, how: [a.tolist() for a in draw(
        labels, 3, 6, 1, how, by_class=False)]
    plain = lambda labels: [a.tolist() for a in indices(len(labels), 3, 6, 1)]
    whole = _labels(15, 15)
    assert same(whole, 'auto') == plain(whole) != same(whole, 'stratified')
    # Three of a class that the random draw has left out of a part.
    order = np.random.default_rng(1).permutation(30)
    rare = np.zeros(30, int)
    rare[order[20:23]] = 1
    assert same(rare, 'random') == plain(rare)
    parts = draw(rare, 3, 6, 1, 'auto', by_class=False)
    assert _counts(rare, parts) == [[20, 1], [2, 1], [5, 1]]
    # Two cannot be in three parts: nothing is gained by another draw.
    rare[order[20]] = 0
    assert same(rare, 'auto') == plain(rare)
    assert same(rare, 'stratified') != plain(rare)


@pytest.mark.parametrize('name, count, official, expected', [
    ('mnist', 60000, 10000, (5000, 0)),
    ('mnist_binary', 60000, 10000, (5000, 0)),
    ('fashion_mnist', 60000, 10000, (5000, 0)),
    ('cifar10', 50000, 10000, (5000, 0)),
    ('chars4k', 6283, 0, (500, 1886)),
    ('digits', 1797, 0, (300, 300)),
    ('mnist', 600, 100, (60, 0)),
    ('mine', 1000, 0, (100, 200)),
])
def test_default_sizes(name, count, official, expected):
    assert sizes(DataSpec(name=name), count, official) == expected


def test_sizes_can_be_asked_for():
    spec = DataSpec(name='mine', validation_size=7, test_size=11)
    assert sizes(spec, 100, 0) == (7, 11)
    assert sizes(DataSpec(name='mine', test_size=9), 100, 9) == (10, 0)


@pytest.mark.parametrize('spec, count, official, message', [
    (DataSpec(validation_size=80), 100, 0, '0/80/20 train/validation/test'),
    (DataSpec(validation_size=500), 100, 10, '-400/500/10'),
    (DataSpec(test_size=95), 100, 0, '-5/10/95'),
    (DataSpec(), 9, 0, '8/0/1'),
    (DataSpec(test_size=5), 100, 10, 'official test set of 10'),
])
def test_sizes_that_leave_nothing_are_refused(spec, count, official, message):
    with pytest.raises(DataError, match=message):
        sizes(spec, count, official)


@pytest.mark.parametrize('field, value', [
    ('validation_size', 0), ('validation_size', -1), ('test_size', 0),
    ('seed', -1), ('max_train', -3)])
def test_impossible_specs_are_refused_at_once(field, value):
    with pytest.raises(DataError, match=f'{field}={value}'):
        DataSpec(**{field: value})


def test_a_grouping_suffix_excludes_another_grouping():
    assert DataSpec(name='a_binary', classes='binary').grouping == 'binary'
    with pytest.raises(DataError, match='suffix'):
        DataSpec(name='a_binary', classes='0-4/5-9')
