"""A search algorithm: one factory, from outside by its name or here by one entry."""

import functools

import jax
import numpy as np
import pytest

from sparse_jax.search import algorithms, loop
from sparse_jax.search.problem import problem_of
from sparse_jax.study.records import Study
from sparse_jax.types import SearchAlgorithm, SuggestInfo
from tests import tiny_study


def neighbours(domain, problem, *, batch, rules, model):
    """Points from the prior, then edits of the trial whose worst cost is least."""

    def suggest(key, archive):
        x = archive.x[archive.measured]
        if not len(x):
            return domain.sample(key, batch), SuggestInfo()
        worst = (archive.y[archive.measured] / problem.bounds).max(axis=1)
        best = np.repeat(x[worst.argmin()][None], batch, axis=0)
        return domain.perturb(key, best), SuggestInfo(score=worst)

    return SearchAlgorithm(suggest)


def _search(folder, name):
    built = tiny_study.build(search__algorithm=name)
    # Edits of any kind would be compiled.
    study, small = Study(folder), functools.partial(
        built.domain.resample, num=tiny_study.BATCH)
    domain = built.domain._replace(perturb=lambda key, x: small(key, x[0]))
    algorithm = algorithms.make(
        name, domain, problem_of(built.objectives), batch=tiny_study.BATCH,
        rules=algorithms.RULES, model=algorithms.MODEL)
    loop.run(built._replace(algorithm=algorithm), study)
    return [row.trial.row for row in study.rows()], domain


@pytest.mark.parametrize('name', ['tests.recipes.algorithm_test:neighbours', 'mine'])
def test_it_is_searched_with(name, tmp_path, monkeypatch):
    monkeypatch.setitem(algorithms.ALGORITHMS, 'mine', neighbours)
    rows, domain = _search(tmp_path, name)
    assert len({tuple(row) for row in rows}) == tiny_study.ROUNDS * tiny_study.BATCH
    assert len(set(domain.group(np.array(rows)))) == 1


def test_an_unknown_name_says_what_is_known():
    with pytest.raises(ValueError, match="'mine' is not allowed; allowed: sparse, "):
        algorithms.find('mine')


def test_an_entry_is_all_that_it_takes(monkeypatch):
    monkeypatch.setitem(algorithms.ALGORITHMS, 'mine', neighbours)
    built = tiny_study.build(search__algorithm='mine')
    points, _ = built.algorithm.suggest(jax.random.key(0), loop.replay(built, []))
    assert points.shape == (tiny_study.BATCH, built.domain.dim)
