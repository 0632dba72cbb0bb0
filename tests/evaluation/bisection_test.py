"""The widest cut within the budgets, against all cuts tried one by one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.evaluation.bisection import GRID, widest_cut
from sparse_jax.objectives import memory
from sparse_jax.objectives.goals import Objectives, counted_limits
from sparse_jax.pruning import METHODS
from sparse_jax.search import loop
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.study.front import member
from sparse_jax.study.records import Study
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from tests import sampled, tiny_study

GRAPH = Graph((1, 3, 1), 1, False, (
    Node('main-fc', 'dense', ('input',), 4),
    Node('classifier', 'dense', ('main-fc',), 3, relu=False)))
SKELETON, CANDIDATE = sampled.unpadded(GRAPH)


@functools.cache
def _every_cut(name):
    """(procedure, trained state, costs at all shifts of the grid)."""
    procedure = Procedure(SKELETON, METHODS[name]())
    state = sampled.started(procedure, CANDIDATE)
    rng = np.random.default_rng(1)
    state = state._replace(params=jax.tree.map(
        lambda leaf: 0.6 * rng.normal(size=leaf.shape).astype(np.float32),
        state.params))

    def costs(offset):
        pruned, _ = prune(state, CANDIDATE, procedure=procedure, offset=offset)
        return memory.total(memory.layer_costs(SKELETON, CANDIDATE, pruned))

    return procedure, state, sampled.quick_jit(jax.vmap(costs))(jnp.asarray(GRID))


@functools.cache
def _program(name, fields):
    """Of the limits of some fields: (offset)."""
    procedure, state, _ = _every_cut(name)
    return sampled.quick_jit(lambda most: widest_cut(
        state, CANDIDATE, tuple(zip(fields, most)), procedure=procedure))


def _widest(name, *limits):
    fields, most = zip(*limits)
    return float(_program(name, fields)(np.float32(most)))


@pytest.mark.parametrize('name', METHODS)
@pytest.mark.parametrize('share', [1.1, 0.9, 0.6, 0.3])
@pytest.mark.parametrize('fields', [('model_size',), ('model_size', 'macs')])
def test_nothing_wider_is_within(name, share, fields):
    *_, costs = _every_cut(name)
    limits = [(f, share * float(getattr(costs, f).max())) for f in fields]
    within = np.all([np.asarray(getattr(costs, f)) <= most for f, most in limits], 0)
    expected = GRID[within].max() if within.any() else np.nan
    np.testing.assert_array_equal(_widest(name, *limits), expected)


def test_costs_never_fall_as_the_cut_widens():
    """What halving rests on."""
    for name in METHODS:
        for values in _every_cut(name)[2]:
            assert np.all(np.diff(np.asarray(values, float)) >= 0), name


def test_a_limit_that_nothing_meets_gives_no_cut():
    assert np.isnan(_widest('none', ('model_size', 1.0)))
    assert _widest('none', ('model_size', 1e9)) == GRID[-1]


def test_limits_are_the_counted_budgets_else_the_counted_bounds():
    names = ('error', 'model_size', 'flash', 'working_memory')
    aims = Objectives(names, (0.1, 900.0, 8000.0, 500.0),
                      memory='working_memory_weights')
    soft = (('model_size', 900.0), ('working_memory_weights', 500.0))
    assert counted_limits(aims) == soft
    hard = aims._replace(budgets=(('flash', 4000.0), ('macs', 70.0)))
    assert counted_limits(hard) == (('macs', 70.0),)
    assert counted_limits(aims._replace(budgets=(('flash', 4000.0),))) == soft
    assert counted_limits(Objectives(('error', 'flash'), (0.1, 8000.0))) == ()


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    """(setup, study) of a tiny search whose cuts are placed at a budget."""
    setup = tiny_study.build(pruning__bisect=True, budgets__model_size=60)
    study = Study(tmp_path_factory.mktemp('bisected'))
    loop.run(setup, study)
    yield setup, study
    study.close()


def _placed(study):
    return [row for row in study.curve_rows() if row.offset != tiny_study.CUT]


def test_a_search_measures_every_training_at_its_widest_cut(searched):
    setup, study = searched
    placed = _placed(study)
    trained = [row.trial.number for row in study.rows() if row.trained]
    assert [row.trial.number for row in placed] == trained and trained
    assert all(row.ok and row.figures[1].model_size <= 60 for row in placed)
    for row in placed:
        # One hundredth wider, and the network does not fit any more.
        wider = member(study, setup.space, row._replace(offset=row.offset + 0.01),
                       setup.dataset, setup.evaluator.recipe.method)
        whole = row.offset == GRID[-1]
        assert whole or sum(
            np.count_nonzero(part) for node in wider.net.nodes
            for part in (node.weight, node.bias) if part is not None) > 60


def test_a_placed_network_is_rebuilt_from_its_name(searched):
    """The offset that is stored is the one that was measured."""
    setup, study = searched
    for row in _placed(study):
        assert row.name == f'{row.trial.number}@{row.offset:g}'
        assert row.offset == round(row.offset, 2)
        net = member(study, setup.space, row, setup.dataset,
                     setup.evaluator.recipe.method).net
        weights = [node.weight for node in net.nodes if node.weight is not None]
        biases = [node.bias for node in net.nodes if node.bias is not None]
        left = sum(np.count_nonzero(w) for w in weights) + sum(map(len, biases))
        assert left == row.figures[1].model_size


def test_other_networks_stay_what_they_are(searched):
    """A placed cut is one more point; all others are those without it."""
    _, study = searched
    whole = Study(tiny_study.finished().workdir, create=False)
    figures = lambda rows: [
        (row.name, row.error, row.costs) for row in rows if row.trial.number < 2]
    others = [row for row in study.networks() if row not in _placed(study)]
    assert figures(others) == figures(whole.networks())
