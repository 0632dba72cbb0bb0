"""Mistakes in code of one's own are one line each, before anything is compiled."""

import functools

import jax
import pytest

from sparse_jax import data, pruning
from sparse_jax.search import loop, setup
from sparse_jax.search.suggestion import suggestion
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from tests import tiny_study
from tests.launch import command_line
from tests.recipes import mistakes

HERE = f'{mistakes.__name__}:'

METHODS = {
    'truth_as_number': 'gated is 1; allowed: True or False',
    'held_by_name': "thresholds is 'none'; allowed: True or False",
    'odd_aux': r'init gives block-1-layer-1/strength as float32 of shape \(3,\)',
    'inputs_by_another_name': r"init gives classifier/strength as .* \(7,\).*'group_'",
    'counting_aux': r'strength as int32 of shape .*allowed: floats',
    'bare_aux': 'init gives block-1-layer-1 as float32',
    'aux_of_no_layer': "init gives 'all', which is no layer of block",
    'init_of_one': 'init fails .TypeError: .* takes 1 positional',
    'no_score': 'score gives nothing; allowed',
    'layer_without_score': 'score gives block-1-layer-1 as nothing',
    'score_of_outputs': r'score gives block-1-layer-1 as float32 of shape \(6, 3, 3\), '
                        r'which does not broadcast to the kernel \(6, 2, 3, 3\)',
    'failing_score': "score fails .KeyError: 'conv1', mistakes.py line ",
    'penalty_of_two': 'penalty fails .TypeError: .* takes 2 positional',
    'penalty_of_units': r'penalty gives float32 of shape \(3,\); allowed: .* a number',
    'no_penalty': 'penalty gives nothing',
    'branching': 'penalty fails .TracerBoolConversionError: .* mistakes.py line',
    'mean_of_kernels': 'mean gives block-1-layer-1-norm/scale as nothing',
    'flat_mean': r'mean gives block-1-layer-1/kernel as float32 of shape \(108,\)',
    'noise_of_another_name': "noise gives block-1-layer-1 with sigma2 .* 'variance'",
    'half_a_group': "noise gives .* with group_mean .*with 'group_variance'",
    'no_cut': 'default_cut is None; allowed: a finite number',
    'no_function': 'mean is None; allowed: a function of',
}
GOALS = {
    'goal_bare': r'source is <function .*allowed: Own\(function\)',
    'goal_uncallable': r'source is Own\(measure=3',
    'goal_arity': 'fails .TypeError: .* takes 1 positional .* of .network, int',
    'goal_attribute': "no attribute 'layers', mistakes.py line",
    'goal_rows': "no attribute 'size', mistakes.py line .* a function of .rows",
    'goal_not_on_board': "no attribute 'flash', mistakes.py .* None without on_board",
    'goal_none': 'fails .TypeError: .*NoneType.* that gives a number',
    'goal_text': "gives '12'; allowed: a finite number of 0 or more",
    'goal_nan': 'gives nan; allowed: a finite number of 0 or more',
    'goal_negative': 'gives -2; allowed: a finite number of 0 or more',
    'goal_least': "no attribute 'weights', .* a function of .graph",
    'goal_boundless': 'bound nan, budget 0 and floor 1.0; allowed: above 0',
    'goal_bound_of_text': "bound '10 kB'",
    'goal_unlisted_least': "least is 'flash'; allowed: .* model_size",
    'goal_form': "form is 'd%' .* allowed: a format",
    'goal_title': 'title is None; allowed: text',
    'without_bound': "missing 1 required .* argument: 'bound', mistakes.py line",
}
ALGORITHMS = {
    'algorithm_alone': r'suggest returns ndarray; allowed: .*\(points, SuggestInfo\)',
    'algorithm_with_a_table': r"suggest returns \('ndarray', 'dict'\)",
    'algorithm_best': 'suggest fails .ValueError: .*empty sequence, mistakes.py line '
                      '.*after 0 trials',
    'algorithm_one_row': r'suggests points of shape \(\d+,\); allowed: at most \(2, ',
    'algorithm_wide': r'suggests points from 1\S+ to \S+; allowed: numbers from 0 to 1',
    'algorithm_unsure': 'suggests points with NaN; allowed: numbers from 0 to 1',
    'algorithm_words': 'suggests points that are no array',
    'of_key_alone': 'suggest fails .TypeError: .* takes 1 positional',
    'of_nothing': 'too many positional .*allowed: a function of .domain, problem',
    'no_function': 'suggest is None; allowed: a function of .key, archive',
    'failing': "fails .AttributeError: .* no attribute 'draw', mistakes.py line",
}


def _refused(act, setting, name, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        act()
    text = str(caught.value)
    assert text.startswith(f"config.{setting}: '{HERE}{name}' ") and '\n' not in text
    assert 'allowed: ' in text and ' at 0x' not in text.split('allowed: ')[1]


@pytest.mark.parametrize('name, reason', METHODS.items(), ids=METHODS)
def test_of_pruning_methods(name, reason):
    name = f'method_{name}'
    _refused(lambda: tiny_study.settings(pruning__method=f'{HERE}{name}'),
             'pruning.method', name, reason)


@pytest.mark.parametrize('name', ['fine', 'groups', 'number_of_a_layer'])
def test_methods_that_are_right_pass(name):
    assert pruning.find(f'{HERE}method_{name}').name == 'mine'


@functools.cache
def _dataset():
    return data.load(reading.data_spec(tiny_study.settings()))


def _check(name):
    """What a search does with an objective before it starts, but for the rest of it."""
    settings = tiny_study.settings(objectives__names=('error', f'{HERE}{name}'))
    setup._check_goals(settings, reading.objectives(settings, 3), _dataset())


@pytest.mark.parametrize('name, reason', GOALS.items(), ids=GOALS)
def test_of_objectives(name, reason):
    _refused(lambda: _check(name), 'objectives.names', name, reason)


@pytest.mark.parametrize('name', ['counted', 'measured', 'int8'])
def test_objectives_that_are_right_pass(name):
    _check(f'goal_{name}')


def _suggest(name):
    built = tiny_study.build(search__algorithm=f'{HERE}{name}')
    points, _ = suggestion(built, jax.random.key(0), loop.replay(built, []))
    return points


@pytest.mark.parametrize('name, reason', ALGORITHMS.items(), ids=ALGORITHMS)
def test_of_algorithms(name, reason):
    _refused(lambda: _suggest(name), 'search.algorithm', name, reason)


def test_algorithms_that_are_right_pass():
    assert _suggest('algorithm_right').shape[0] == tiny_study.BATCH


def test_the_command_line_says_them(capsys, tmp_path):
    chosen = tiny_study.overrides() | {
        'objectives.names': ('error', f'{HERE}goal_negative')}
    flags = [f'--config.{name}={value}' for name, value in chosen.items()]
    found = command_line.run(capsys, 'search', f'--workdir={tmp_path}/new', *flags)
    assert found.code == 2 and found.err.count('\n') == 1
    assert f"'{HERE}goal_negative' is not allowed: its Goal 'mine' gives" in found.err


def test_a_module_that_is_not_found_says_where_it_is_looked_for():
    with pytest.raises(ValueError, match=r"named 'mi'; run where the module is, or"):
        pruning.find('mi.ne:method')
