"""The objects of a search are those that its settings name."""

import jax
import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search import algorithms, archive, setup
from sparse_jax.search.facts import facts_of
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.reading import read
from sparse_jax.settings.tree import default_config
from sparse_jax.space import encoding
from sparse_jax.types import Evaluation, Problem, SearchAlgorithm
from tests import tiny_study

SMALL = 'num-filters-*=1:6, *-branch=false, num-conv-blocks=1'


@pytest.mark.parametrize('name, value', [
    ('search.algorithm', 'grid'), ('runtime.devices', 99)])
def test_what_the_machine_lacks_is_one_line_before_the_data(name, value, monkeypatch):
    monkeypatch.setattr(data, 'load', lambda spec: pytest.fail('the data was loaded'))
    settings = tiny_study.settings(**{name: value})
    with pytest.raises(ConfigError, match=f'^config.{name}: .*allowed: ') as caught:
        setup.build(settings)
    assert str(value) in str(caught.value) and '\n' not in str(caught.value)


def test_stages_need_something_to_vary():
    held = ('zero-regularization-epochs=5,annealing-epochs=15,alpha=0.1,pretraining='
            'false,log-alpha-offset=0,pruning-threshold-*=1e-5')
    settings = tiny_study.settings(space__restrict=held, search__stages=(1,))
    with pytest.raises(ConfigError, match='space.restrict: .* with config.search.stag'):
        setup.build(settings)


@pytest.mark.parametrize('algorithm', algorithms.ALGORITHMS)
def test_every_algorithm_is_built_and_starts(algorithm):
    built = tiny_study.build(search__algorithm=algorithm)
    nothing = archive.empty(built.domain.dim, len(built.objectives.names))
    points, _ = built.algorithm.suggest(jax.random.key(0), nothing)
    assert points.shape == (tiny_study.BATCH, built.domain.dim)


def _made(monkeypatch, algorithm='random', **changes):
    """(domain, problem, the other arguments) that a configured algorithm is made of."""
    built = tiny_study.finished().setup
    heard = []

    def factory(domain, problem, *, batch, rules, model):
        heard.append((domain, problem, {
            'batch': batch, 'rules': rules, 'model': model}))
        return SearchAlgorithm(None)

    monkeypatch.setitem(algorithms.ALGORITHMS, algorithm, factory)
    settings = tiny_study.settings(search__algorithm=algorithm, **changes)
    setup.make_algorithm(
        settings, built.objectives, built.domain, None, space=built.space,
        evaluator=built.evaluator, layout='layout')
    return heard[0]


@pytest.mark.parametrize('algorithm', algorithms.ALGORITHMS)
def test_every_algorithm_is_made_alike(algorithm, monkeypatch):
    domain, problem, given = _made(monkeypatch, algorithm)
    assert domain is tiny_study.finished().setup.domain
    assert given['batch'] == tiny_study.BATCH
    assert problem == Problem((0.1, 2048, 2048), (0.1, 4 * 2048, 4 * 2048))


def test_the_model_is_as_configured(monkeypatch):
    model = _made(monkeypatch, search__rho=0.25)[2]['model']
    assert (model.rho, model.layout, model.maximize) == (0.25, 'layout', setup.EFFORT)
    assert model.log_objectives == (True,) * 3


@pytest.mark.parametrize('method, prunes', [('sparse_vd', True), ('none', False)])
def test_the_rules_are_as_configured(method, prunes, monkeypatch):
    _, _, given = _made(
        monkeypatch, pruning__method=method, search__initial=5,
        search__max_groups=4, search__new_groups=3, search__initial_groups=0)
    rules = given['rules']
    assert rules[:4] == (5, 4, 3, None)
    built = tiny_study.finished().setup
    assert rules.refuse == built.evaluator.refuse
    row = tiny_study.base_row(built.space)[None]
    known = facts_of(built.space, built.objectives, row, prunes=prunes)
    np.testing.assert_array_equal(np.stack(rules.facts(row)), np.stack(known))
    assert (known.low == known.high)[0, 1:].all() != prunes


def test_the_reference_is_fixed_by_the_configuration():
    built = tiny_study.finished().setup
    largest = np.log10(16 * 2048)
    np.testing.assert_allclose(built.objectives.reference, [2 / 3, largest, largest])


@pytest.mark.slow
@pytest.mark.parametrize('name, restrict', [
    *((name, '') for name in algorithms.ALGORITHMS),
    ('ehvi', SMALL), ('nsga2', SMALL), ('random', SMALL)])
def test_every_algorithm_suggests_networks_within_the_rules(name, restrict):
    """Of the digits' space: canonical, feasible, new, in few programs, not refused."""
    config = default_config()
    config.space.restrict = restrict
    config.search.update({'algorithm': name, 'batch': 4, 'initial': 8,
                          'initial_groups': 1, 'new_groups': 1, 'max_groups': 2})
    built = setup.build(read(config))
    found = archive.empty(built.domain.dim, 3)
    seen, programs = set(), set()
    for i in range(4):
        x, _ = built.algorithm.suggest(jax.random.key(i), found)
        assert x.shape == (4, len(built.space.dimensions))
        np.testing.assert_allclose(encoding.canonical(built.space, x), x, atol=1e-12)
        assert encoding.feasible(built.space, x).all()
        if restrict:
            assert all(p['num-filters-block-1-layer-1'] <= 6
                       and not (p['left-branch'] or p['right-branch'])
                       for p in encoding.decode_rows(built.space, x))
        assert not built.evaluator.refuse(x).any()
        seen |= {row.round(9).tobytes() for row in x}
        groups = set(built.domain.group(x))
        assert len(groups) <= 2 and len(groups - programs) <= 1
        programs |= groups
        sizes = np.array([graph_totals(g).model_size for g in encoding.graphs(
            built.space, x)], float)
        y = np.stack([1 / np.log(sizes + 2), 0.3 * sizes, sizes**0.5], axis=1)
        found = archive.append(found, x, Evaluation(y, np.zeros(4, int)))
    assert len(seen) == 16
