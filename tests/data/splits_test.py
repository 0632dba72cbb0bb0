"""Rows of the parts, default sizes, impossible sizes."""

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec
from sparse_jax.data.splits import indices, sizes


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
