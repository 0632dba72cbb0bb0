"""What is refused, or noted, before a search starts."""

import functools
import re

import numpy as np
import pytest

from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search import reachable
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.reading import objectives
from sparse_jax.space import encoding, filling
from sparse_jax.space.sparse_space import sparse_space
from tests import tiny_study

AIMS = objectives(tiny_study.settings(), 3)
LARGE = sparse_space((200, 200, 1), 3)


def _small(graph):
    return max(graph.image_shape()[1:]) <= 12


@pytest.mark.parametrize('shape, size', [
    ((200, 200, 1), '48'), ((200, 100, 1), '48,24'), ((8, 8, 1), '')])
def test_the_largest_size_that_is_admitted(shape, size):
    assert reachable.size_for(sparse_space(shape, 3), _small) == size


def test_a_size_is_named_only_where_one_is_admitted():
    assert reachable.size_for(LARGE, lambda graph: False) == ''


def test_budgets_out_of_reach_are_one_line_with_a_size():
    settings, drawn = tiny_study.settings(), []

    def sample(key, count):
        drawn.append(count)
        return encoding.sample(key, LARGE, min(count, 20))

    check = lambda refuses: reachable.check_budgets(
        settings, AIMS, LARGE, sample, refuses)
    check(lambda graph: False)
    assert drawn == [8]
    with pytest.raises(ConfigError, match=re.escape(
            'one of 256 random networks')) as caught:
        check(lambda graph: not _small(graph))
    assert drawn == [8, 8, 256]
    text = str(caught.value)
    assert text.endswith('smaller images: set --config.data.image_size=48')
    assert '\n' not in text


def test_soft_bounds_out_of_reach_are_noted():
    note = reachable.size_note(LARGE, AIMS)
    assert '200x200' in note and 'data.image_size=' in note and '\n' not in note
    assert reachable.size_note(sparse_space((28, 28, 1), 3), AIMS) == ''


SMALL = sparse_space((8, 8, 1), 3)
SMALLEST = functools.cache(lambda: tuple(filling.smallest(SMALL)))
"""The structures that budgets are judged by, drawn once."""


@pytest.fixture
def drawn(monkeypatch):
    """They are not drawn again for every budget."""
    found = SMALLEST()
    monkeypatch.setattr(filling, 'smallest', lambda space: iter(found))


def _check(budgets, slope=0.01):
    """A board on which every product takes `slope` ms and every weight three bytes."""
    def estimate(graph):
        totals = graph_totals(graph)
        return {'latency': slope * totals.macs, 'flash': 3 * totals.model_size}

    reachable.check_unpruned(
        AIMS._replace(budgets=tuple(budgets.items())), SMALL, estimate)


@pytest.mark.parametrize('budgets, word', [
    ({'latency': 0.01}, 'budgets.latency: 0.01 '), ({'flash': 9}, 'budgets.flash: 9 '),
    ({'model_size': 2}, 'budgets.model_size: 2 '), ({'ram': 1}, 'budgets.ram: 1 '),
    ({'flash': 900, 'latency': 0.01}, 'budgets.latency: 0.01 ')])
def test_a_budget_that_nothing_unpruned_meets_is_one_line_with_the_least(
        budgets, word, drawn):
    with pytest.raises(ConfigError, match=word) as caught:
        _check(budgets)
    text = str(caught.value)
    assert '\n' not in text
    name = word.removeprefix('budgets.').split(':')[0]
    found = re.search('networks takes ([0-9.e-]+)', text)
    assert found is not None
    least = float(found[1])
    assert least > budgets[name]
    # Another structure than those that are seen may take a little less, not half.
    _check({name: 1.001 * least / reachable.SLACK})
    with pytest.raises(ConfigError):
        _check({name: 0.999 * least / reachable.SLACK})


def test_budgets_that_are_out_of_reach_together_are_named_together(drawn):
    """What is fast needs much flash."""
    macs = [graph_totals(graph).macs for graph in filling.smallest(SMALL)]
    estimate = lambda graph: {'latency': graph_totals(graph).macs,
                              'flash': 1e6 / graph_totals(graph).macs}
    # Each as tight as it may be.
    least = 1.001 * np.array([min(macs), 1e6 / max(macs)]) / reachable.SLACK
    fast, small = zip(('latency', 'flash'), least.tolist())
    check = lambda *budgets: reachable.check_unpruned(
        AIMS._replace(budgets=budgets), SMALL, estimate)
    with pytest.raises(ConfigError, match='together') as caught:
        check(fast, small)
    assert f'latency {least[0]:g}, budgets.flash' in str(caught.value)
    assert 'takes at most 2 times as much' in str(caught.value)
    for budgets in ([fast], [small], []):
        check(*budgets)


def test_nothing_is_refused_where_draws_are_hardly_ever_networks(monkeypatch):
    monkeypatch.setattr(filling, '_RARE', 0)
    assert not list(filling.smallest(SMALL))
    _check({'model_size': 2})
