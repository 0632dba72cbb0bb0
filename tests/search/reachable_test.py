"""What is refused, or noted, before a search starts."""

import re

import jax
import pytest

from sparse_jax.search import reachable
from sparse_jax.settings.errors import ConfigError
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space
from tests import tiny_study

AIMS = tiny_study.finished().setup.objectives
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
    rows = encoding.sample(jax.random.key(0), LARGE, 20)
    settings = tiny_study.settings()
    check = lambda refuses: reachable.check_budgets(
        settings, AIMS, LARGE, rows, refuses)
    check(lambda graph: False)
    with pytest.raises(ConfigError, match=re.escape(
            'one of 20 random networks')) as caught:
        check(lambda graph: not _small(graph))
    text = str(caught.value)
    assert text.endswith('smaller images: set --config.data.image_size=48')
    assert '\n' not in text


def test_soft_bounds_out_of_reach_are_noted():
    note = reachable.size_note(LARGE, AIMS)
    assert '200x200' in note and 'data.image_size=' in note and '\n' not in note
    assert reachable.size_note(sparse_space((28, 28, 1), 3), AIMS) == ''


@pytest.mark.parametrize(('most', 'refused'), [(100.0, True), (600.0, False)])
def test_a_budget_on_the_board_far_below_every_estimate_is_one_line(most, refused):
    space = sparse_space((8, 8, 1), 3)
    aims = AIMS._replace(budgets=(('flash', most),))
    check = lambda: reachable.check_board(
        aims, space, lambda graph: {'flash': 1000.0}, lambda graph: False)
    if refused:
        with pytest.raises(ConfigError, match='config.budgets.flash: 100 .* 1,?000 B$'):
            check()
    else:
        check()
