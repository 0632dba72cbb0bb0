"""Settings: everything that no search can run with is one line before the data."""

import jax
import numpy as np
import pytest

from sparse_jax import data, pruning
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search import algorithms, archive, setup
from sparse_jax.search.facts import facts_of
from sparse_jax.settings import reading as settings
from sparse_jax.settings.config import default_config, differences, flatten
from sparse_jax.settings.reading import ConfigError
from sparse_jax.space import encoding
from sparse_jax.types import Evaluation, Problem, SearchAlgorithm
from tests import tiny_study

BAD = [
    ('seed', -1), ('seed', 2**32), ('space.prior', 'flat'), ('pruning.method', 'lasso'),
    ('data.validation_size', 0), ('data.test_size', -2), ('data.max_train', -1),
    ('data.seed', -1), ('pruning.cuts', ('a',)), ('objectives.memory_model', 'x'),
    ('objectives.error', 0.0), ('objectives.error', float('nan')),
    ('objectives.model_size', 0), ('search.algorithm', 'grid'), ('search.rounds', 0),
    ('search.batch', 0), ('search.initial', -1), ('search.max_groups', -1),
    ('search.rho', 1.5), ('search.stages', (3, 2)), ('search.min_overlap', 2.0),
    ('search.child_epochs', 0.0), ('limits.max_weights', -1), ('limits.max_macs', -1),
    ('runtime.mapping', 'loop'), ('runtime.conv', 'fft'), ('runtime.devices', 99),
    ('runtime.workers', -1), ('train.epochs', 0), ('train.batch_size', 0),
    ('train.variational_rate', float('inf')), ('train.decay', 2.0),
    ('train.clip_norm', -1.0), ('tiers.widths', (4, 8)), ('tiers.widths', ('a', 100)),
    ('tiers.widths', (0, 100)), ('tiers.units', (64, 16)), ('tiers.units', (1.5,)),
    ('tiers.kernels', ((2, 3),)), ('tiers.kernels', ((2, 3), 4)),
    ('tiers.kernels', ((2, 3), (3, 5))),
    ('objectives.names', ('model_size', 'error')), ('objectives.names', ('error',)),
    ('objectives.names', ('error', 'ram', 'ram')), ('objectives.names', ()),
    ('objectives.names', ('error', 'energy')), ('objectives.latency', 0.0),
    ('objectives.board', 'z80'), ('budgets.ram', -1), ('budgets.latency', -0.5),
    ('budgets.latency', float('inf')), ('space.restrict', 'kernel'),
    ('space.restrict', None),
]


SMALL = 'num-filters-*=1:6, *-branch=false, num-conv-blocks=1'


@pytest.mark.parametrize('name, value', BAD, ids=lambda v: str(v))
def test_bad_settings_are_one_line(name, value, monkeypatch):
    monkeypatch.setattr(data, 'load', lambda spec: pytest.fail('the data was loaded'))
    config = default_config()
    config.update_from_flattened_dict({name: value})
    with pytest.raises(ConfigError) as caught:
        setup.build(config)
    message = str(caught.value)
    assert message.startswith(f'config.{name}: ') and 'allowed: ' in message
    assert str(value) in message and '\n' not in message


def test_stages_need_something_to_vary():
    held = ('zero-regularization-epochs=5,annealing-epochs=15,alpha=0.1,pretraining='
            'false,log-alpha-offset=0,pruning-threshold-*=1e-5')
    config = tiny_study.config(space__restrict=held, search__stages=(1,))
    with pytest.raises(ConfigError, match='space.restrict: .* with config.search.stag'):
        setup.build(config)


@pytest.mark.parametrize('method', pruning.METHODS)
def test_every_pruning_method_has_a_name(method):
    config = tiny_study.config(pruning__method=method)
    settings.check(config)
    assert settings.pruning_method(config) is not None


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
    config = tiny_study.config(search__algorithm=algorithm, **changes)
    setup.make_algorithm(
        config, built.objectives, built.domain, None, space=built.space,
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


def test_flatten_names_every_setting():
    flat = flatten({'a': {'b': (1, (2, 3))}, 'c': 4})
    assert flat == {'a.b': [1, [2, 3]], 'c': 4}


def test_differences_show_both_values_of_settings_that_bind():
    stored = default_config().to_dict()
    changed = default_config()
    changed.search.rounds, changed.runtime.workers = 99, 7
    assert differences(stored, changed.to_dict()) == []
    changed.search.batch, changed.tiers.units = 3, (16,)
    assert differences(stored, changed.to_dict()) == [
        'search.batch: 8 -> 3',
        'tiers.units: [8, 16, 32, 64, 128, 256, 512, 1024] -> [16]']
    assert differences({}, {'seed': 1}) == ['seed: None -> 1']
    space = lambda text: {'space': {'restrict': text}}
    assert not differences(space('alpha=0.1, batch-norm=true'),
                           space('alpha = 0.1,batch-norm=true '))
    assert differences(space(None), space('alpha=0.1, batch-norm=true')) == [
        "space.restrict: None -> 'alpha=0.1,batch-norm=true'"]


def test_default_tiers_are_those_of_the_library():
    assert settings.tier_policy(default_config()) == TierPolicy()


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
    built = setup.build(config)
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
