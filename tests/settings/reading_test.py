"""Settings that no search can run with are one line; the others are read once."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax import pruning
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Search, Settings, Space
from sparse_jax.settings.tree import default_config
from sparse_jax.space import encoding
from sparse_jax.space.dimensions import Role

BAD = [
    ('seed', -1), ('seed', 2**32), ('space.prior', 'flat'), ('space.rows', 'all'),
    ('pruning.method', 'lasso'),
    ('data.validation_size', 0), ('data.test_size', -2), ('data.max_train', -1),
    ('data.class_names', ('one',)), ('data.class_names', ('a', 'a')),
    ('data.class_names', ('a', 'b\udcff')),
    ('data.class_names', ('a', 3)), ('data.class_names', ('a', ' ')),
    ('data.seed', -1), ('pruning.cuts', ('a',)), ('objectives.memory_model', 'x'),
    ('objectives.error', 0.0), ('objectives.error', float('nan')),
    ('objectives.model_size', 0), ('search.rounds', 0),
    ('search.max_minutes', -1.0), ('search.patience', -1),
    ('search.final_share', 1.0), ('search.finals', 0), ('search.final_starts', 0),
    ('search.final_epochs', -1),
    ('search.batch', 0), ('search.initial', -1), ('search.max_groups', -1),
    ('search.model_rows', 15), ('search.lag', 2), ('search.lag', -1),
    ('search.rho', 1.5), ('search.stages', (3, 2)), ('search.min_overlap', 2.0),
    ('search.rungs', (0.5, 0.2)), ('search.rungs', (0.0, 1.0)),
    ('search.rungs', (0.5, 1.5)), ('search.rungs', ('a',)), ('search.promote', 0.0),
    ('search.child_epochs', 0.0), ('limits.max_weights', -1), ('limits.max_macs', -1),
    ('runtime.mapping', 'loop'), ('runtime.conv', 'fft'), ('runtime.devices', -1),
    ('runtime.workers', -1), ('runtime.slots', -1),
    ('train.epochs', 0), ('train.batch_size', 0),
    ('train.variational_rate', float('inf')), ('train.decay', 2.0),
    ('train.clip_norm', -1.0), ('tiers.widths', (4, 8)), ('tiers.widths', ('a', 100)),
    ('tiers.widths', (0, 100)), ('tiers.units', (64, 16)), ('tiers.units', (1.5,)),
    ('tiers.kernels', ((2, 3),)), ('tiers.kernels', ((2, 3), 4)),
    ('tiers.kernels', ((2, 3), (3, 5))),
    ('objectives.names', ('model_size', 'error')), ('objectives.names', ('error',)),
    ('objectives.names', ('error', 'ram', 'ram')), ('objectives.names', ()),
    ('objectives.names', ('error', 'volume')), ('objectives.latency', 0.0),
    ('objectives.board', 'z80'), ('budgets.ram', -1), ('budgets.latency', -0.5),
    ('budgets.latency', float('inf')), ('space.restrict', 'kernel'),
    ('space.restrict', None),
]
KINDS = [
    ('seed', 'x', 'a whole number'), ('seed', True, 'a whole number'),
    ('train.batch_size', 2.5, 'a whole number'), ('search.inherit', 1, 'true or false'),
    ('search.rho', '1', 'a number'), ('data.name', 3, 'text'),
    ('objectives.names', 'error', 'a tuple'), ('budgets.macs', 'few', 'a number'),
    ('pruning.cuts', (0.0, float('inf')), 'finite numbers')]


def nested(name, value):
    """The nested dict of one setting."""
    for part in reversed(name.split('.')):
        value = {part: value}
    return value


@pytest.mark.parametrize('name, value', BAD, ids=lambda v: str(v))
def test_bad_settings_are_one_line(name, value):
    config = default_config()
    config.update_from_flattened_dict({name: value})
    with pytest.raises(ConfigError) as caught:
        reading.read(config)
    message = str(caught.value)
    assert message.startswith(f'config.{name}: ') and 'allowed: ' in message
    assert str(value) in message and '\n' not in message


@pytest.mark.parametrize('name, value, kind', KINDS, ids=lambda v: str(v))
def test_a_value_of_another_kind_is_one_line(name, value, kind):
    with pytest.raises(ConfigError) as caught:
        reading.read(nested(name, value))
    assert str(caught.value).startswith(
        f'config.{name}: {value!r} is not allowed; allowed: {kind}')


def test_settings_are_checked_like_configurations():
    wrong = dataclasses.replace(Settings(), search=Search(rho=1.5))
    with pytest.raises(ConfigError, match='^config.search.rho: 1.5 is not allowed; '):
        reading.read(wrong)
    right = dataclasses.replace(Settings(), search=Search(rho=0.5))
    assert reading.read(right) == right


@pytest.mark.parametrize('tree, message', [
    ({'search': {'ruonds': 3}}, 'config: unknown setting search.ruonds; did you mean '
                                'search.rounds?'),
    ({'nothing': 3}, 'config: unknown setting nothing; allowed: budgets'),
    ({'search': 3}, 'config: unknown setting search; allowed: budgets')])
def test_a_name_that_does_not_exist_is_one_line(tree, message):
    with pytest.raises(ConfigError) as caught:
        reading.read(tree)
    assert str(caught.value).startswith(message)


def test_a_part_of_the_settings_is_enough():
    found = reading.read({'search': {'rounds': 9}, 'objectives': {'macs': 7.5}})
    assert found.search == Search(rounds=9)
    assert found.objectives.bounds == Settings().objectives.bounds | {'macs': 7.5}
    assert found == dataclasses.replace(
        Settings(), search=found.search, objectives=found.objectives)
    assert reading.read({}) == Settings() == reading.read(default_config())


@pytest.mark.parametrize('method', pruning.METHODS)
def test_every_pruning_method_has_a_name(method):
    settings = reading.read({'pruning': {'method': method}})
    assert isinstance(reading.pruning_method(settings), pruning.PruningMethod)


@pytest.mark.parametrize('method', ['learned_threshold', 'learned_group_threshold'])
def test_a_method_that_learns_thresholds_leaves_none_to_search(method):
    settings = reading.read({'pruning': {'method': method}})
    space = reading.search_space(settings, (8, 8, 1), 2)
    searched = reading.search_space(Settings(), (8, 8, 1), 2)
    assert space.names == searched.names
    for row, other in zip(space.dimensions, searched.dimensions):
        if row.name.startswith('pruning-threshold-'):
            assert (row.levels, row.decode(0.3)) == (1, pytest.approx(1e-6))
            assert row.problem(1e-4) and not other.problem(1e-4)
        else:
            assert row == other
    narrowed = dataclasses.replace(settings, space=Space(
        restrict='pruning-threshold-*=1e-5:1e-4'))
    space = reading.search_space(narrowed, (8, 8, 1), 2)
    assert space['pruning-threshold-block-1-layer-1'].decode(0.9) == pytest.approx(1e-5)


def test_without_pruning_there_is_no_pruning_to_search():
    """Nor two points of one network, apart from its learning rate."""
    settings = reading.read({'pruning': {'method': 'none'}, 'space': {
        'restrict': 'learning-rate=0.005'}})
    space = reading.search_space(settings, (8, 8, 1), 2)
    free = {row.name for row in space.dimensions if row.levels != 1}
    assert not free & {'alpha', 'pretraining', 'log-alpha-offset', 'annealing-epochs',
                       'zero-regularization-epochs', 'learning-rate',
                       'pruning-threshold-block-1-layer-1'}
    assert {row.role for row in space.dimensions if row.name in free} == set(Role) - {
        Role.PRUNING, Role.TRAINING}
    rows = encoding.sample(jax.random.key(0), space, 300)
    assert len({encoding.graph(space, row) for row in rows}) == len(
        np.unique(rows.round(9), axis=0))


def test_where_a_schedule_prunes_nothing_on_pruning_is_searched():
    """And every training is cut where the schedule says."""
    settings = reading.read({'pruning': {'method': 'gradual_magnitude'}})
    space = reading.search_space(settings, (8, 8, 1), 2)
    held = [row for row in space.dimensions if row.role is Role.PRUNING]
    assert held and all(row.levels == 1 for row in held)
    assert space['log-alpha-offset'].decode(0.7) == 0.0


def test_default_tiers_are_those_of_the_library():
    assert reading.tier_policy(Settings()) == TierPolicy()
