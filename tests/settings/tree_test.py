"""Settings as plain values: nothing is lost on the way and back."""

import dataclasses
import importlib
import json
import pathlib

import pytest

from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import differences, dumps, read_json
from sparse_jax.settings.tree import default_config, flatten, from_tree, to_config

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESETS = sorted(path.stem for path in (ROOT / 'experiments').glob('*.py')
                 if 'def get_config(' in path.read_text())


def preset(name):
    """The configuration of an experiment file."""
    return importlib.import_module(f'experiments.{name}').get_config()


def test_flatten_names_every_setting():
    flat = flatten({'a': {'b': (1, (2, 3))}, 'c': 4})
    assert flat == {'a.b': [1, [2, 3]], 'c': 4}


def test_differences_show_both_values_of_settings_that_bind():
    changed = default_config()
    changed.search.rounds, changed.runtime.workers = 99, 7
    assert differences(Settings(), from_tree(changed.to_dict())) == []
    changed.search.batch, changed.tiers.units = 3, (16,)
    assert differences(Settings(), from_tree(changed.to_dict())) == [
        'search.batch: 8 -> 3',
        'tiers.units: [8, 16, 32, 64, 128, 256, 512, 1024] -> [16]']
    space = lambda text: from_tree({'space': {'restrict': text}})
    assert not differences(space('alpha=0.1, batch-norm=true'),
                           space('alpha = 0.1,batch-norm=true '))
    assert differences(space(''), space('alpha=0.1, batch-norm=true')) == [
        "space.restrict: '' -> 'alpha=0.1,batch-norm=true'"]


@pytest.mark.parametrize('config', [default_config, *(
    lambda name=name: preset(name) for name in PRESETS)], ids=['default', *PRESETS])
def test_nothing_is_lost_on_the_way_and_back(config, tmp_path):
    tree = config().to_dict()
    settings = from_tree(tree)
    assert to_config(settings).to_dict() == tree
    assert flatten(to_config(settings).to_dict()) == flatten(tree)
    path = tmp_path / 'config.json'
    path.write_text(dumps(settings))
    assert from_tree(read_json(path).to_dict()) == settings
    # Lists, as JSON has them, are the same settings.
    assert from_tree(json.loads(path.read_text())) == settings


def test_an_older_study_has_the_defaults_of_newer_settings(tmp_path):
    tree = json.loads(dumps(from_tree({'search': {'rounds': 7}})))
    del tree['budgets'], tree['search']['rho'], tree['objectives']['latency']
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(tree))
    assert from_tree(read_json(path).to_dict()) == from_tree({'search': {'rounds': 7}})


def test_an_older_study_counts_two_output_units(tmp_path):
    tree = json.loads(dumps(Settings()))
    del tree['objectives']['fold_binary']
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(tree))
    older = from_tree(read_json(path).to_dict())
    assert not older.objectives.fold_binary and Settings().objectives.fold_binary
    # It means something for two classes alone.
    assert differences(older, Settings()) == differences(older, Settings(), 10) == []
    assert differences(older, Settings(), 2) == [
        'objectives.fold_binary: False -> True']


def test_settings_of_the_gradient_lock_only_searches_by_it():
    few = {'differentiable': {'steps': 7}}
    assert differences(Settings(), from_tree(few)) == []
    for search in ({'strategy': 'differentiable'}, {'initial_from': 'differentiable'}):
        given = from_tree(few | {'search': search})
        assert differences(from_tree({'search': search}), given) == [
            'differentiable.steps: 200 -> 7']


def test_the_parts_of_an_older_study_are_drawn_at_random(tmp_path):
    tree = json.loads(dumps(Settings()))
    del tree['data']['split']
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(tree))
    older = from_tree(read_json(path).to_dict())
    assert (older.data.split, Settings().data.split) == ('random', 'auto')
    # The digest of the data tells whether that is another draw.
    assert differences(older, Settings()) == []


@pytest.mark.parametrize('tree, message', [
    ({'search': 3}, 'config.search: 3 is not allowed; allowed: a group of settings'),
    ({'search': {'x': 3}}, 'unknown setting config.search.x'),
    ({'train': {'decay': 2.0}}, 'config.train.decay: 2.0 is not allowed')])
def test_a_tree_of_something_else_is_one_line(tree, message):
    with pytest.raises(ConfigError, match=f'^{message}'):
        from_tree(tree)


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().seed = 1
