"""The presets for two cores are configurations that a search accepts."""

import re

import pytest

from experiments import two_cores
from experiments.two_cores import Row
from launch import config_flag
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.reading import read

NAMES = ('mnist', 'fashion_mnist', 'cifar10_binary', 'chars4k', 'chars4k_binary',
         'curet', 'curet_binary', 'usps_binary')


@pytest.mark.parametrize('name', NAMES)
def test_every_row_is_a_search_by_the_clock(name):
    path = f'experiments/{name}_cpu.py'
    rows = config_flag._module(path).ROWS
    for minutes, row in ((20, ''), *((60, f':minutes=60,row={row}') for row in rows)):
        settings = read(config_flag.load(path + row))
        wanted = rows[row.rpartition('=')[2] or next(iter(rows))]
        assert settings.search.max_minutes == minutes
        assert settings.budgets.most['model_size'] == wanted.model_size
        assert settings.budgets.most['working_memory'] == wanted.working_memory
        assert settings.objectives.names == ('error', 'model_size')
        assert settings.pruning.method == wanted.method
        assert settings.objectives.memory_model == wanted.memory_model
        if wanted.max_macs:
            assert settings.limits.max_macs == wanted.max_macs
        assert settings.data.name == name


@pytest.mark.parametrize(('argument', 'said'), [
    ('row=huge', 'row=huge: allowed: one, other'), ('hours=2', "'hours=2': allowed"),
    ('minutes=0', 'minutes=0: allowed: a whole number from 1 to'),
    ('minutes=-3', 'minutes=-3: allowed')])
def test_other_arguments_are_refused(argument, said):
    with pytest.raises(ValueError, match=said):
        two_cores.options(argument, {'one': Row(1), 'other': Row(2)})


def test_a_wrong_row_is_one_line_of_the_command():
    with pytest.raises(ConfigError, match='row=x: allowed: wide, small, nonzeros, no'):
        config_flag.load('experiments/mnist_cpu.py:row=x')


def test_budgets_of_ones_own_by_the_names_of_costs():
    settings = read(config_flag.load(
        'experiments/own_cpu.py:minutes=7,flash=4096,ram=1024,epochs=50'))
    assert {name: most for name, most in settings.budgets.most.items() if most} == {
        'flash': 4096, 'ram': 1024}
    assert settings.objectives.names == ('error', 'flash')
    assert settings.objectives.bounds['flash'] == 4096
    assert (settings.search.max_minutes, settings.train.epochs) == (7, 50)
    assert settings.search.final_epochs == two_cores.LONG * 50


def test_own_images_without_an_argument_get_two_kilobytes_of_both():
    settings = read(config_flag.load('experiments/own_cpu.py'))
    assert {name: most for name, most in settings.budgets.most.items() if most} == {
        'model_size': 2048, 'working_memory': 2048}
    assert settings.search.max_minutes == two_cores.MINUTES


@pytest.mark.parametrize(('argument', 'said'), [
    ('flsh=4096', "'flsh=4096': allowed: minutes=..., epochs=..., model_size=..."),
    ('flash', "'flash': allowed: minutes=..."),
    ('ram=2,flash=9,ram=3', "'ram=3' after ram=2: allowed: ram once"),
    ('ram=2k', 'ram=2k: allowed: a whole number from 1 to 1000000000'),
    ('epochs=0', 'epochs=0: allowed')])
def test_a_wrong_word_of_own_budgets_is_one_line(argument, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        config_flag.load(f'experiments/own_cpu.py:{argument}')


def test_only_what_nothing_prunes_has_a_trend():
    rows = {'plain': Row(500), 'pruned': Row(500, method='sparse_vd')}
    found = {row: two_cores.preset(
        f'row={row}', rows, data='mnist', epochs=2, error=0.1).search for row in rows}
    assert (found['plain'].trend, found['plain'].initial) == ('structure', 16)
    assert (found['pruned'].trend, found['pruned'].initial) == ('none', 48)
