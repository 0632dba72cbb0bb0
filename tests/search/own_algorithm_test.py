"""A search algorithm from outside the library, as --config.search.algorithm."""

import jax
import numpy as np
import pytest

from sparse_jax.search import algorithms, archive, loop, setup
from sparse_jax.search.suggestion import expected, suggestion
from sparse_jax.settings.errors import ConfigError
from sparse_jax.study.records import Study
from sparse_jax.types import SuggestInfo
from tests import tiny_study

HERE = f'{__name__}:'


def careless(domain, problem, *, batch, rules, model):
    """Random search that fills dimensions which mean nothing with anything."""
    assert model.layout is not None
    clean = algorithms.random_search(domain, problem, batch=batch, rules=rules)

    def suggest(key, state):
        points, info = clean.suggest(key, state)
        active = domain.activity(points)
        assert not active.all()
        return np.where(active, points, 0.123), info

    return clean._replace(suggest=suggest)


def _broken(change):
    def factory(domain, problem, **settings):
        clean = careless(domain, problem, **settings)
        suggest = lambda key, state: (
            change(clean.suggest(key, state)[0]), SuggestInfo())
        return clean._replace(suggest=suggest)
    return factory


greedy = _broken(lambda points: np.concatenate([points, points]))
lost = _broken(lambda points: points + 1)
unsure = _broken(lambda points: points * np.nan)


def _foresees(what):
    def factory(domain, problem, **settings):
        clean = careless(domain, problem, **settings)

        def suggest(key, state):
            points = clean.suggest(key, state)[0]
            return points, SuggestInfo(predicted=what(points))

        return clean._replace(suggest=suggest)
    return factory


sure = _foresees(lambda points: np.arange(3.0 * len(points)).reshape(-1, 3) / 7)
vague = _foresees(lambda points: np.full((len(points), 3), np.nan))
vain = _foresees(lambda points: 'everything')


def nothing(domain, problem, **settings):
    """No algorithm."""


def test_it_runs_and_its_points_become_canonical(tmp_path):
    done = tiny_study.finished()
    built = tiny_study.build(search__algorithm=f'{HERE}careless')
    study = Study(tmp_path)
    loop.run(done.setup._replace(algorithm=built.algorithm), study)
    rows = lambda s: [tiny_study.comparable(row) for row in s.networks()]
    assert rows(study) == rows(Study(done.workdir, create=False))


def test_what_it_expects_is_stored(tmp_path):
    done = tiny_study.finished()
    built = tiny_study.build(search__algorithm=f'{HERE}sure')
    study = Study(tmp_path)
    loop.run(done.setup._replace(algorithm=built.algorithm), study)
    assert [row.predicted for row in study.rows()] == 2 * [
        (0.0, 0.14286, 0.28571), (0.42857, 0.57143, 0.71429)]
    assert {row.predicted for row in study.curve_rows()} == {None}
    others = Study(done.workdir, create=False).rows()
    assert [row._replace(predicted=None) for row in map(
        tiny_study.comparable, study.rows())] == [
            tiny_study.comparable(row) for row in others]


@pytest.mark.parametrize('name, stored', [('sure', True), ('vague', False),
                                          ('vain', False), ('careless', False)])
def test_what_is_no_expectation_is_left_out(name, stored):
    built = tiny_study.build(search__algorithm=f'{HERE}{name}')
    points, info = suggestion(built, jax.random.key(0), archive.empty(
        built.domain.dim, 3))
    found = expected(built, points, info)
    assert (found is not None) == stored
    assert not stored or found[1] == (3 / 7, 4 / 7, 5 / 7)


@pytest.mark.parametrize('name, reason', [
    ('greedy', r'of shape \(4, '), ('lost', 'from .* to '), ('unsure', 'with NaN')])
def test_what_is_no_batch_is_an_error_before_it_is_stored(name, reason, tmp_path):
    built = tiny_study.build(search__algorithm=f'{HERE}{name}')
    study = Study(tmp_path)
    with pytest.raises(ConfigError, match=f'{name}.*suggests points {reason}'):
        loop.run(built, study)
    assert not study.rows()


@pytest.mark.parametrize('name, reason', [
    ('nowhere:make', 'No module named'), (f'{HERE}absent', 'has no attribute'),
    (f'{HERE}HERE', 'function of'),
    ('sparse_jax.search.algorithms:layout_of', 'function of')])
def test_what_is_no_factory_is_one_line(name, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        setup.build(tiny_study.settings(search__algorithm=name))
    assert str(caught.value).startswith(f'config.search.algorithm: {name!r} is not')
    assert '\n' not in str(caught.value)


def test_a_factory_that_gives_something_else_is_one_line():
    with pytest.raises(ConfigError, match='nothing. gives None; allowed: a Search'):
        tiny_study.build(search__algorithm=f'{HERE}nothing')
