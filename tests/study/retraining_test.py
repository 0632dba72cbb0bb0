"""Which retrainings share their random numbers."""

from sparse_jax.study import planned
from sparse_jax.study.records import Study
from sparse_jax.study.retraining import seed_of
from tests import tiny_study


def _seed(change=None, digest='d', pick=(0,), seed=0, offset=None):
    study = Study(tiny_study.finished().workdir, create=False)
    rows = [study.rows()[i]._replace(offset=offset) for i in pick]
    study.close()
    return seed_of(tiny_study.settings(**(change or {})), digest, rows, seed)


def test_the_same_retraining_has_the_same_seed():
    assert _seed() == _seed({'search__rounds': 9, 'data__path': '/elsewhere'})
    assert 0 <= _seed() < 2**32


def test_everything_that_tells_retrainings_apart_matters():
    """Study, data, network, cut, a person's seed; a chain has no repetition."""
    first = _seed()
    seeds = [first, 0, _seed({'seed': 1}), _seed({'seed': first}), _seed(digest='e'),
             _seed(pick=(1,)), _seed(pick=(0, 1)), _seed(seed=1), _seed(offset=-1.0),
             _seed({'train__epochs': 9})]
    assert len(set(seeds)) == len(seeds)


def test_a_retraining_has_whole_trainings():
    """Of a search with rungs too."""
    settings = tiny_study.settings(search__rungs=(0.5, 1.0))
    search = planned.one_round(settings, 3).search
    assert (search.rungs, search.rounds, search.batch) == ((), 1, 3)
