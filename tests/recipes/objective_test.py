"""The recipe of an objective: one record, from outside, and everything shows it."""

import csv
import pathlib
import warnings
from typing import NamedTuple

import numpy as np
import pytest

from sparse_jax.evaluation.chip import as_int8
from sparse_jax.objectives import compact_costs, goals, graph_costs
from sparse_jax.objectives.goal import Counted, Goal, OnBoard, Own, find_goal
from sparse_jax.objectives.goals import Objectives
from sparse_jax.search import facts, loop
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.stored import dumps
from sparse_jax.space import encoding
from sparse_jax.study.opened import open_study
from sparse_jax.study.records import Study, StudyWarning
from tests import tiny_study
from tests.launch import command_line

HERE = f'{__name__}:'
NAMES = ('error', 'model_size', f'{HERE}writes', f'{HERE}share')


def _written(rows):
    return sum(row.outputs for row in rows)


def writes() -> Goal:
    """Counted: elements that all layers write."""
    return Goal('writes', 'writes', 'elements', Counted(_written), 500, axis='elements')


def _share(net, int8, board):
    return 1e3 * sum(node.weight.size for node in int8.nodes if node.weight is not None
                     ) / board.flash.bytes


def share() -> Goal:
    """Own: thousandths of the board's flash that dense int8 weights would take."""
    return Goal('share', 'share of the flash', 'permille', Own(_share, on_board=True),
                5.0, budget=1000.0, column='share', form='.3f', floor=1e-6,
                like='model_size')


class Found(NamedTuple):
    """A search with both."""

    setup: object
    workdir: pathlib.Path


@pytest.fixture(scope='module')
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp('objective') / 'run'
    built = tiny_study.build(objectives__names=NAMES)
    study = Study(folder)
    loop.run(built, study)
    study.close()
    (folder / 'config.json').write_text(
        dumps(tiny_study.settings(objectives__names=NAMES)))
    return Found(built, folder)


def test_its_figures_are_those_of_the_stored_networks(found):
    with open_study(found.workdir, trust_factories=True) as study:
        rows = study.records.networks()
        assert len(rows) > 4
        for row in rows:
            net = study.network(row).net
            int8 = as_int8(net, study.dataset)
            assert row.measured['writes'] == _written(compact_costs.layer_rows(net))
            assert row.measured['share'] == _share(net, int8, study.board)
        front = study.front()
        values = goals.matrix(front, study.objectives)
        assert values.shape == (len(front), 4) and np.isfinite(values).all()
        assert study.objectives.bounds == (0.1, 2048.0, 500.0, 5.0)
        assert study.objectives.budgets == (('share', 1000.0),)


def test_what_is_known_before_training_bounds_it(found):
    aims = found.setup.objectives
    with open_study(found.workdir, trust_factories=True) as study:
        rows = study.records.rows()
    points = np.stack([row.trial.row for row in rows])
    known = facts.facts_of(found.setup.space, aims, points, prunes=True)
    graphs = encoding.graphs(found.setup.space, points)
    before = [_written(graph_costs.layer_rows(graph)) for graph in graphs]
    sizes = [graph_costs.graph_totals(graph).model_size for graph in graphs]
    np.testing.assert_array_equal(known.high[:, 2:], [[b, np.inf] for b in before])
    np.testing.assert_array_equal(known.scale[:, 2:], list(zip(before, sizes)))
    assert all(row.measured['writes'] <= most for row, most in zip(rows, before)
               if row.measured)


def test_it_is_shown_like_the_others(found, capsys):
    result = command_line.run(capsys, 'report', f'--workdir={found.workdir}',
                              '--notest', '--trust_factories')
    assert result.code == 0
    assert 'writes' in result.out and 'share' in result.out
    assert '500 elements and 5.000 permille' in result.out
    with open(found.workdir / 'front.csv') as file:
        lines = list(csv.DictReader(file))
    with open_study(found.workdir, trust_factories=True) as study:
        front = study.front()
    assert [float(line['writes']) for line in lines] == [
        row.measured['writes'] for row in front]
    assert [float(line['share']) for line in lines] == [
        row.measured['share'] for row in front]
    assert (found.workdir / 'front.png').stat().st_size > 5000
    told = command_line.run(capsys, 'describe', f'--workdir={found.workdir}',
                            f'--trial={front[0].name}', '--trust_factories')
    assert f'writes {front[0].measured["writes"]:.0f} elements' in told.out


def test_its_budget_is_hard():
    aims = Objectives(budgets=(('share', 0.5),), own=(share(),))

    class Item(NamedTuple):
        measured: dict

    assert goals.exceeded(Item({'share': 0.75}), aims) == ('share',)
    assert goals.exceeded(Item({'share': 0.5}), aims) == ()


def nothing():
    """No goal."""


def needs_one(argument):
    """A factory with an argument."""


BAD = {
    'taken': lambda: Goal('flash', 'x', '', Own(_share), 1.0),
    'spaces': lambda: Goal('my goal', 'x', '', Own(_share), 1.0),
    'in_totals': lambda: Goal('mine', 'x', '', Counted('macs'), 1.0),
    'on_board': lambda: Goal('mine', 'x', '', OnBoard('flash', ('flash',)), 1.0),
    'boundless': lambda: Goal('mine', 'x', '', Own(_share), 0.0),
    'unlike': lambda: Goal('mine', 'x', '', Own(_share), 1.0, like='latency'),
}
taken, spaces, in_totals, on_board, boundless, unlike = BAD.values()


@pytest.mark.parametrize('name', [*BAD, 'nothing', 'needs_one', 'absent', '_share'])
def test_what_is_no_goal_is_one_line(name):
    with pytest.raises(ConfigError) as caught:
        reading.read(tiny_study.settings(
            objectives__names=('error', f'{HERE}{name}')))
    text = str(caught.value)
    assert text.startswith(f'config.objectives.names: \'{HERE}{name}\'')
    assert 'allowed: ' in text and '\n' not in text


def test_the_same_goal_twice_is_one_line():
    with pytest.raises(ConfigError, match='name a goal twice'):
        reading.read(tiny_study.settings(
            objectives__names=('error', f'{HERE}writes', f'{HERE}again')))


again = writes


def test_goals_of_the_table_are_found_by_name():
    assert find_goal('latency').text(1.5) == '1.50 ms'
    with pytest.raises(ValueError, match="'volume' is not allowed; allowed: error, mo"):
        find_goal('volume')


def test_a_network_without_a_finite_figure_is_over_budget(found):
    from sparse_jax.evaluation import chip
    from sparse_jax.study.outcome import Pruned

    aims = found.setup.objectives
    lost = Goal('lost', 'x', '', Own(lambda net, int8, board: float('nan')), 1.0)
    below = Goal('below', 'x', '', Counted(lambda rows: -1), 1.0)
    measure = chip.on_chip(found.setup.dataset, None, quantized=False, goals=(lost,))
    with open_study(found.workdir, trust_factories=True) as study:
        row = study.front()[0]
        member = study.network(row)
    pruned = Pruned(member.weights.folded, member.weights.units)
    with pytest.warns(StudyWarning, match="objective 'lost' gives nan; allowed: a fin"):
        assert measure(member.graph, pruned) is None
    with warnings.catch_warnings():
        # It is said once.
        warnings.simplefilter('error')
        assert measure(member.graph, pruned) is None
    measure = chip.on_chip(found.setup.dataset, None, quantized=False, goals=(below,))
    with pytest.warns(StudyWarning, match="objective 'below' gives -1; "):
        assert measure(member.graph, pruned) is None
    whole = chip.on_chip(found.setup.dataset, None, quantized=False,
                         goals=aims.used[2:3])(member.graph, pruned)
    assert whole == (None, {'writes': row.measured['writes']})
