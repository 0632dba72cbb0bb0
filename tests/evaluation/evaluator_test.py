"""Evaluation: an outcome depends on its trial alone; failures are statuses."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.evaluation import grouping, recipe
from sparse_jax.evaluation.batching import inherit
from sparse_jax.evaluation.grouping import Member
from sparse_jax.model.network import SparseNet
from sparse_jax.model.skeleton import EXACT, split
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.space import encoding, network_file
from sparse_jax.study.outcome import Parent, Trial, Weights
from tests import sampled, tiny_study

EPOCHS = 3


@pytest.fixture(scope='module')
def evaluator():
    return tiny_study.finished().setup.evaluator


@pytest.fixture(scope='module')
def trials(evaluator):
    domain = tiny_study.small_domain(evaluator.space, evaluator.policy)
    rows = domain.sample(jax.random.key(5), 5)
    return [Trial(i, row, EPOCHS) for i, row in enumerate(rows)]


@pytest.fixture(scope='module')
def together(evaluator, trials):
    return _outcomes(evaluator, trials)


def _outcomes(evaluator, trials):
    return {o.trial.number: o for group in evaluator.evaluate(trials) for o in group}


def _same(left, right):
    assert left.status == right.status == status.OK
    for name in ('error', 'costs', 'unpruned', 'accuracy', 'curve'):
        assert getattr(left, name) == getattr(right, name), name
    assert tiny_study.same_weights(left.weights, right.weights)


def test_neighbours_do_not_matter(evaluator, trials, together):
    assert sorted(together) == [0, 1, 2, 3, 4]
    for i in (0, 3):
        _same(_outcomes(evaluator, [trials[i]])[i], together[i])


def test_order_does_not_matter(evaluator, trials, together):
    for number, outcome in _outcomes(evaluator, trials[::-1]).items():
        _same(outcome, together[number])


def test_the_number_of_a_trial_is_its_randomness(evaluator, trials, together):
    other = _outcomes(evaluator, [trials[0]._replace(number=9)])[9]
    assert not tiny_study.same_weights(other.weights, together[0].weights)


def _row(evaluator, **changes):
    """Coordinates of the tiny point with changes such as batch_norm=True."""
    named = {name.replace('_', '-'): value for name, value in changes.items()}
    space = evaluator.space
    return encoding.encode(
        space, network_file.check(space, tiny_study.POINT | named))


def _frozen_heir(monkeypatch, evaluator, row, parent):
    """Outcome 9, a point whose training changes nothing, of parent (graph, weights)."""
    heir = Trial(9, row, 1, parent=0)
    with monkeypatch.context() as patch:
        _change(patch, evaluator, heir, learning_rate=0.0)
        (outcome,), = evaluator.evaluate([heir], {0: parent}.get)
    assert outcome.status == status.OK
    return outcome


def test_an_heir_of_its_own_point_starts_where_its_parent_ended(
        evaluator, trials, together, monkeypatch):
    parent = encoding.graph(evaluator.space, trials[0].row), together[0].weights
    heir = _frozen_heir(monkeypatch, evaluator, trials[0].row, parent)
    for part in ('params', 'aux'):
        jax.tree.map(np.testing.assert_array_equal, getattr(heir.weights, part),
                     getattr(parent[1], part))
    assert heir.error == together[0].error and heir.costs == together[0].costs


def test_a_wider_heir_starts_with_the_logits_of_its_parent(evaluator, monkeypatch):
    narrow, wide = (_row(evaluator, num_filters_block_1_layer_1=n) for n in (5, 8))
    first = _outcomes(evaluator, [Trial(0, narrow, EPOCHS)])[0]
    graphs = [encoding.graph(evaluator.space, row) for row in (narrow, wide)]
    heir = _frozen_heir(monkeypatch, evaluator, wide, (graphs[0], first.weights))
    images = np.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype(np.float32)
    logits = []
    for graph, of in zip(graphs, (first, heir)):
        skeleton, candidate = sampled.unpadded(graph)
        logits.append(SparseNet(skeleton).apply(
            {'params': of.weights.params}, candidate, images))
    np.testing.assert_allclose(*logits, atol=1e-5)
    # New filters are drawn; a new posterior starts at the method's variance.
    name = 'block-1-layer-1'
    assert heir.weights.params[name]['kernel'][5:].all()
    variance = heir.weights.aux[name]['log_sigma2']
    np.testing.assert_array_equal(variance[:5], first.weights.aux[name]['log_sigma2'])
    np.testing.assert_array_equal(variance[5:], -10.0)


def _untrained(evaluator, row):
    """(graph, candidate, skeleton, abstract variables) of a point, unpadded."""
    space = evaluator.space
    graph = encoding.graph(space, row)
    skeleton, candidate = split(graph, encoding.decode(space, row), EXACT)
    shapes = recipe.template(skeleton, evaluator.recipe)
    return graph, candidate, skeleton, shapes


def _drawn(seed, tree):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda s: rng.normal(size=s.shape).astype(np.float32), tree)


def test_only_the_means_of_an_added_layer_are_given(evaluator):
    """It starts as the identity, its posterior and its moments as fresh ones."""
    parent, _, _, old = _untrained(evaluator, _row(evaluator, batch_norm=True))
    added = _row(
        evaluator, batch_norm=True, num_conv_layers_block_1=2,
        layer_type_block_1_layer_2='Conv2D', kernel_size_block_1_layer_2=2,
        num_filters_block_1_layer_2=6)
    child, candidate, skeleton, new = _untrained(evaluator, added)
    weights = Weights(*_drawn(0, old), {}, {})
    member = Member(Trial(1, added, 1, parent=0), child, candidate, np.zeros(2),
                    Parent(parent, weights))
    values, mask, _ = inherit(skeleton, member, new)
    params, aux, stats = zip(values, mask)
    identity = np.zeros((6, 6, 2, 2))
    identity[range(6), range(6), 0, 0] = 1
    name, kept = 'block-1-layer-2', 'block-1-layer-1'
    np.testing.assert_array_equal(params[0][name]['kernel'], identity)
    assert params[1][name]['kernel'].all() and not aux[1][name]['log_sigma2'].any()
    assert not stats[1][f'{name}-norm']['mean'].any()
    for (values, mask), node, variable, own in (
            (aux, kept, 'log_sigma2', weights.aux),
            (stats, f'{kept}-norm', 'var', weights.stats)):
        np.testing.assert_array_equal(values[node][variable], own[node][variable])
        assert mask[node][variable].all()


def test_training_starts_from_all_that_is_inherited(evaluator, monkeypatch):
    """Means, posterior and moments: inherited where the mask says, else fresh."""
    _, candidate, skeleton, shapes = _untrained(
        evaluator, _row(evaluator, batch_norm=True))
    monkeypatch.setattr(recipe, 'train', lambda key, state, *_, **__: (state, None))
    monkeypatch.setattr(recipe, '_pruned', lambda *_, **__: (None,) * 4)
    masks = jax.tree.map(lambda v: v > 0, _drawn(1, shapes))
    values = _drawn(2, shapes)

    @sampled.quick_jit
    def run(masks):
        return recipe.evaluate_one(
            jax.random.key(0), candidate, recipe.Inherited(values, masks),
            recipe.Shared(None, None, None), 1, recipe=evaluator.recipe,
            procedure=evaluator.recipe.procedure(skeleton)).variables

    start, fresh = run(masks), run(jax.tree.map(np.zeros_like, masks))
    assert [len(jax.tree.leaves(part)) for part in start] == [5, 2, 2]
    jax.tree.map(lambda a, v, m, f: np.testing.assert_array_equal(
        a, np.where(m, v, f)), start, values, masks, fresh)


def test_training_lasts_as_long_as_the_trial_says(evaluator, trials, together):
    assert len(together[0].accuracy) == EPOCHS
    assert len(_outcomes(evaluator, [trials[0]._replace(epochs=1)])[0].accuracy) == 1


def test_an_infeasible_point_is_a_status(evaluator, trials, together):
    space = evaluator.space
    point = tiny_study.POINT | {
        'num-conv-layers-block-1': 2, 'layer-type-block-1-layer-2': 'Conv2D',
        'kernel-size-block-1-layer-1': 5, 'kernel-size-block-1-layer-2': 5,
        'num-filters-block-1-layer-2': 4}
    row = encoding.encode(space, encoding.decode(space, trials[0].row) | point)
    found = _outcomes(evaluator, [Trial(7, row, EPOCHS), trials[0]])
    assert found[7].status == status.INFEASIBLE and found[7].costs is None
    _same(found[0], together[0])


def test_a_network_over_the_budget_is_refused(evaluator, trials):
    tight = dataclasses.replace(
        evaluator, refuses=lambda graph: graph_totals(graph).model_size > 1)
    assert tight.refuse(np.stack([t.row for t in trials])).all()
    outcomes = _outcomes(tight, trials).values()
    assert {o.status for o in outcomes} == {status.OVER_BUDGET}
    assert all(o.weights is None for o in outcomes)


def _change(monkeypatch, evaluator, trial, **values):
    """Give the candidate of one trial settings that no point has."""
    real = grouping.split

    def split(graph, point, policy):
        skeleton, candidate = real(graph, point, policy)
        if point == encoding.decode(evaluator.space, trial.row):
            candidate = candidate._replace(
                **{name: np.float32(value) for name, value in values.items()})
        return skeleton, candidate

    monkeypatch.setattr(grouping, 'split', split)


def test_the_curve_of_a_trial_that_its_own_cut_empties_is_kept(
        evaluator, trials, together, monkeypatch):
    _change(monkeypatch, evaluator, trials[1], log_alpha_offset=-100.0)
    found = _outcomes(evaluator, trials[:2])[1]
    assert found.status == status.EMPTY and found.costs.macs == 0
    assert found.curve == together[1].curve and found.curve[0].costs.macs > 0
    assert found.weights is not None


def test_a_diverged_candidate_leaves_its_neighbours(
        evaluator, trials, together, monkeypatch):
    _change(monkeypatch, evaluator, trials[1], learning_rate=1e30)
    found = _outcomes(evaluator, trials)
    assert found[1].status == status.NONFINITE
    assert np.isnan(found[1].error) and found[1].weights is None
    for i in (0, 2, 3, 4):
        _same(found[i], together[i])


def _failing(monkeypatch, evaluator, message):
    programs = evaluator.executor.programs
    real = programs.get

    def run(*_):
        raise jax.errors.JaxRuntimeError(message)

    monkeypatch.setattr(programs, 'get',
                        lambda *a: real(*a)._replace(run=run))


def test_a_full_device_is_a_status(evaluator, trials, monkeypatch):
    _failing(monkeypatch, evaluator, 'RESOURCE_EXHAUSTED: Out of memory')
    outcomes = _outcomes(evaluator, trials)
    assert {o.status for o in outcomes.values()} == {status.OUT_OF_MEMORY}


def test_other_faults_of_the_device_are_raised(evaluator, trials, monkeypatch):
    _failing(monkeypatch, evaluator, 'INTERNAL: the chip is on fire')
    with pytest.raises(jax.errors.JaxRuntimeError, match='on fire'):
        _outcomes(evaluator, trials)


def test_padding_by_hand(evaluator):
    """6 maps of 4x4 become 8 maps of 5x5 for a window of 2 to 3; then 3 classes."""
    row = tiny_study.base_row(evaluator.space)
    found = evaluator.padding([Trial(0, row, EPOCHS)])
    assert found == {
        'padding_waste': (25 * 9 * 8 + 32 * 3) / (16 * 9 * 6 + 24 * 3),
        'bucket_fill': 0.5, 'groups': 1}
