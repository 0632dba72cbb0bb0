"""Evaluation: an outcome depends on its trial alone; failures are statuses."""

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search import evaluate
from sparse_jax.search.evaluate import Trial
from sparse_jax.space import encoding
from tests import tiny_study

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


def test_inherited_weights_matter(evaluator, trials, together):
    parent = encoding.graph(evaluator.space, trials[0].row), together[0].weights
    heir = trials[1]._replace(parent=0, epochs=1)
    (outcome,), = evaluator.evaluate([heir], {0: parent}.get)
    fresh = _outcomes(evaluator, [heir._replace(parent=None)])[1]
    assert outcome.status == status.OK
    assert not tiny_study.same_weights(outcome.weights, fresh.weights)


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
    tight = evaluate.Evaluator(
        evaluator.space, evaluator.policy, evaluator.programs, evaluator.root_key,
        refuses=lambda graph: graph_totals(graph).model_size > 1)
    assert tight.refuse(np.stack([t.row for t in trials])).all()
    outcomes = _outcomes(tight, trials).values()
    assert {o.status for o in outcomes} == {status.OVER_BUDGET}
    assert all(o.weights is None for o in outcomes)


def _change(monkeypatch, evaluator, trial, **values):
    """Give the candidate of one trial settings that no point has."""
    real = evaluate.split

    def split(graph, point, policy):
        skeleton, candidate = real(graph, point, policy)
        if point == encoding.decode(evaluator.space, trial.row):
            candidate = candidate._replace(
                **{name: np.float32(value) for name, value in values.items()})
        return skeleton, candidate

    monkeypatch.setattr(evaluate, 'split', split)


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
    real = evaluator.programs.get

    def run(*_):
        raise jax.errors.JaxRuntimeError(message)

    monkeypatch.setattr(evaluator.programs, 'get',
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
        'bucket_fill': 0.5}
