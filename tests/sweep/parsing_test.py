"""The text of --sweep against points written out."""

import itertools

import pytest

from sparse_jax.settings.errors import ConfigError
from sparse_jax.sweep.parsing import parse


def test_the_last_setting_changes_fastest():
    found = parse('config.seed=0:5; config.pruning.method=sparse_vd,bayes_compress')
    methods = ('sparse_vd', 'bayes_compress')
    assert [tuple(point.items()) for point in found] == [
        (('config.seed', str(seed)), ('config.pruning.method', method))
        for seed, method in itertools.product(range(5), methods)]


@pytest.mark.parametrize('listed, values', [
    ('3', ['3']),
    ('0:3,7', ['0', '1', '2', '7']),
    ('10:0:-5', ['10', '5']),
    ('1e-3,0.01', ['1e-3', '0.01']),
    ('mine:method,none', ['mine:method', 'none']),
    ('(),(-1.0,1.0)', ['()', '(-1.0,1.0)']),
    ("('error','ram'),('error','flash')", ["('error','ram')", "('error','flash')"]),
    ("'alpha=0.1,num-fc-layers=1',''", ['alpha=0.1,num-fc-layers=1', '']),
    ('"0:5"', ['0:5']),
    ("'a;b',c", ['a;b', 'c']),
    ('a=b,c', ['a=b', 'c']),
])
def test_values(listed, values):
    assert [p['config.x.y'] for p in parse(f'config.x.y={listed};')] == values


@pytest.mark.parametrize('text, words', [
    ('', "no setting; allowed: 'config.seed=0:3"),
    (' ; ', 'no setting'),
    ('config.seed', "'config.seed' has no '='; allowed: config.NAME=VALUE,VALUE"),
    ('seed=0:3', "'seed' is no setting; did you mean config.seed?"),
    ('--config.seed=0:3', "'--config.seed' is no setting; allowed: names such as"),
    ('config.seed=', "config.seed has an empty value; allowed: '' in quotes"),
    ('config.seed=1,,2', 'config.seed has an empty value'),
    ('config.seed=1,0:2', "config.seed has '1' twice; allowed: different values"),
    ('config.seed=5:5', 'config.seed=5:5 is a range of 0 numbers; allowed: LOW:HIGH'),
    ('config.seed=0:9:0', 'range of 0 numbers'),
    ('config.seed=0:99999999', 'range of 99999999 numbers'),
    ('config.seed=0:200;config.data.seed=0:200', '40000 points; allowed: up to 10000'),
    ('config.seed=1; config.seed=2', 'config.seed is given twice; allowed: once'),
    ('config.x=(1,2', ') is missing at its end'),
    ('config.x=1)', ') closes nothing'),
    ("config.x='a", "' is missing at its end"),
])
def test_mistakes_are_one_line(text, words):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert words in str(caught.value) and '\n' not in str(caught.value)
    assert str(caught.value).startswith('--sweep=')
