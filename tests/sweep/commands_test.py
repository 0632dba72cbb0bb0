"""Names of points and the commands that they become."""

import pathlib
import shlex

import numpy as np
import pytest

from sparse_jax.settings.errors import ConfigError
from sparse_jax.sweep import hyper
from sparse_jax.sweep.commands import commands, names


def test_names_are_short_where_they_can_be():
    points = hyper.product([hyper.sweep('config.pruning.method', ['none', 'magnitude']),
                            hyper.sweep('config.seed', range(2))])
    assert names(points) == ['method=none,seed=0', 'method=none,seed=1',
                             'method=magnitude,seed=0', 'method=magnitude,seed=1']
    both = hyper.zipit([hyper.sweep('config.seed', [np.int64(1)]),
                        hyper.sweep('config.data.seed', [2])])
    assert names(both) == ['seed=1,data.seed=2']
    assert names([{}, {'config.seed': 1}]) == ['as_it_is', 'seed=1']


def test_no_two_points_share_a_folder():
    values = ['a/b', 'a:b', 'a b', 'a_b', '..', '/', 'x' * 300, 'x' * 301, 'a,seed=1']
    found = names(hyper.sweep('config.data.path', values))
    assert len(set(found)) == len(values)
    assert all('/' not in name and len(name) <= 100 for name in found)
    twice = names([{'config.data.name': 'a,seed=1'},
                   {'config.data.name': 'a', 'config.seed': 1}])
    assert len(set(twice)) == 2


def test_more_seeds_keep_the_folders():
    few = names(hyper.sweep('config.seed', range(2)))
    assert names(hyper.sweep('config.seed', range(4)))[:2] == few


def test_a_command_is_what_a_person_would_type():
    points = hyper.product([hyper.sweep('config.pruning.cuts', [(-1.0, 1.0)]),
                            hyper.sweep('config.seed', [3])])
    found, = commands(points, 'runs/a b', ['--config=experiments/digits.py'],
                      program=['python', '-m', 'launch.search'])
    assert found.argv[:4] == ('python', '-m', 'launch.search',
                              '--config=experiments/digits.py')
    assert found.argv[4:6] == ('--config.pruning.cuts=(-1.0, 1.0)', '--config.seed=3')
    assert found.argv[6] == f'--workdir={found.workdir}'
    assert found.workdir.parent == pathlib.Path('runs/a b') and found.task == 0
    assert tuple(shlex.split(found.text)) == found.argv


@pytest.mark.parametrize('points, flags, words', [
    ([{'config.seed': 0}, {'config.seed': '0'}], [], 'points 0 and 1 of the sweep are'),
    ([{'seed': 0}], [], "'seed' is swept, which is no setting"),
    ([{'config.seed': 0}], ['--config.seed=1'], '--config.seed is given and swept'),
])
def test_mistakes(points, flags, words):
    with pytest.raises(ConfigError, match=words):
        commands(points, 'runs', flags)
