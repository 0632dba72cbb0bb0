"""Lists of points, compared with itertools."""

import itertools

import pytest

from sparse_jax.sweep import hyper

SEEDS = hyper.sweep('config.seed', range(3))
EPOCHS = hyper.sweep('config.train.epochs', [50, 100])


def test_product_is_that_of_itertools():
    found = hyper.product([SEEDS, EPOCHS, hyper.fixed('config.search.rounds', 2)])
    assert found == [
        {'config.seed': seed, 'config.train.epochs': epochs, 'config.search.rounds': 2}
        for seed, epochs in itertools.product(range(3), [50, 100])]
    assert hyper.product([]) == [{}] and hyper.product([SEEDS, []]) == []


def test_zip_and_chain():
    rounds = hyper.sweep('config.search.rounds', [4, 2])
    zipped = hyper.zipit([EPOCHS, rounds])
    assert zipped == [{'config.train.epochs': e, 'config.search.rounds': r}
                      for e, r in zip([50, 100], [4, 2], strict=True)]
    assert hyper.chainit([SEEDS, zipped]) == [*SEEDS, *zipped]
    nested = hyper.product([SEEDS, zipped])
    assert [tuple(p.values()) for p in nested] == [
        (s, *pair) for s, pair in itertools.product(range(3), [(50, 4), (100, 2)])]


def test_one_setting_twice_and_uneven_axes():
    with pytest.raises(ValueError, match='config.seed is swept twice'):
        hyper.product([SEEDS, SEEDS])
    with pytest.raises(ValueError, match='axes of 3, 2 points'):
        hyper.zipit([SEEDS, EPOCHS])
