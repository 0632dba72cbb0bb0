"""Measured objectives: what is stored is what the exported network costs."""

import dataclasses
import functools
import itertools

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.evaluation import chip as chips
from sparse_jax.export import ExportData, export_network, measure
from sparse_jax.model.skeleton import EXACT
from sparse_jax.objectives import goals
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.search import loop
from sparse_jax.settings import reading
from sparse_jax.space import encoding
from sparse_jax.study import cuts
from sparse_jax.study import front as fronts
from sparse_jax.study.outcome import CurvePoint, Outcome, Pruned, Trial, Weights
from sparse_jax.study.records import Study
from tests import tiny_study


@pytest.fixture(scope='module')
def setup():
    return tiny_study.measured().setup


@pytest.fixture(scope='module')
def study():
    return Study(tiny_study.measured().workdir, create=False)


def _with_budgets(setup, *budgets):
    """The same search and programs under hard budgets."""
    aims = setup.objectives._replace(budgets=budgets)
    board = reading.board(setup.settings)
    chip = chips.on_chip(setup.dataset, board, quantized=False)
    evaluator = dataclasses.replace(
        setup.evaluator, refuses=lambda graph: False,
        judge=functools.partial(chips.judge, objectives=aims, chip=chip))
    return setup._replace(objectives=aims, evaluator=evaluator)


def test_stored_costs_are_those_of_the_exported_network(setup, study, tmp_path):
    method = reading.pruning_method(setup.settings)
    rows = study.networks()
    assert {row.offset for row in rows} == {None, tiny_study.CUT}
    images = setup.dataset.train.images[:chips.CALIBRATION]
    for row in rows:
        net = fronts.member(study, setup.space, row, setup.dataset, method).net
        m = measure(quantize(net, calibrate(net, images)), 'microbit')
        assert row.measured == {
            'flash': m.flash, 'ram': m.ram, 'instructions': m.instructions,
            'latency': 1e3 * m.latency_s, 'energy': 1e6 * m.energy_j}
    report = export_network(
        net, ExportData(images, images), 'microbit', tmp_path / 'out')
    assert report['arena']['bytes'] == row.measured['ram']
    tables = sum(sum(layer.get('tables', {}).values()) for layer in report['layers'])
    assert tables == m.tables < row.measured['flash']
    assert report['accuracy']['int8'] is None


def test_programs_hand_over_the_network_of_every_cut(setup, study):
    method = reading.pruning_method(setup.settings)
    old = setup.evaluator
    plain = dataclasses.replace(
        old, refuses=lambda graph: False, judge=lambda graph, outcome: outcome)
    trials = [row.trial._replace(parent=None) for row in study.rows()[:2]]
    for outcome in (o for group in plain.evaluate(trials) for o in group):
        graph = encoding.graph(old.space, outcome.trial.row)
        point = encoding.decode(old.space, outcome.trial.row)
        assert len(outcome.curve) == 1
        for at, policy in itertools.product(outcome.curve, (EXACT, old.policy)):
            expected = cuts.repruned(
                graph, point, outcome.weights, method, at.offset, policy)
            equal = jax.tree.map(np.array_equal, at.pruned,
                                 Pruned(expected.folded, expected.units))
            assert all(jax.tree.leaves(equal))


def test_a_killed_measured_search_resumes_to_the_same_rows(setup, study, tmp_path):
    def stop(news):
        if news.phase == 'finished group':
            raise KeyboardInterrupt

    other = Study(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        loop.run(setup, other, stop)
    loop.run(setup, other)
    rows = lambda s: [tiny_study.comparable(row) for row in s.networks()]
    assert rows(other) == rows(study)
    assert [r.hypervolume for r in other.rounds()] == [
        r.hypervolume for r in study.rounds()]
    assert study.rounds()[-1].info['measure_seconds'] > 0


def test_networks_over_a_budget_are_kept_but_not_on_the_front(setup, study, tmp_path):
    flash = sorted({row.measured['flash'] for row in study.networks()})
    assert len(flash) > 1
    most = flash[(len(flash) - 1) // 2]
    hard = _with_budgets(setup, ('flash', most))
    other = Study(tmp_path)
    loop.run(hard, other)
    over = status.name(status.OVER_BUDGET)
    expected = {row.name: over if row.measured['flash'] > most else 'ok'
                for row in study.networks()}
    rows = other.networks()
    assert {row.name: row.status for row in rows} == expected
    assert over in expected.values() and 'ok' in expected.values()
    assert [row.measured for row in rows] == [r.measured for r in study.networks()]
    assert all(other.weights(row.trial.number) for row in rows)
    front = goals.front_of(rows, hard.objectives)
    assert front and all(row.measured['flash'] <= most for row in front)
    state = loop.replay(hard, other.rows())
    np.testing.assert_array_equal(
        state.status[:state.size] == status.OVER_BUDGET,
        [row.status == over for row in other.rows()])
    # The surrogate sees the figures of all; those outside are told by their excess.
    assert state.measured.all()
    state = loop.replay(hard, rows)
    inside = {row.trial.number for row in rows if row.ok}
    np.testing.assert_array_equal(
        state.within, [row.trial.number in inside for row in other.rows()])


def _outcome(own, *cuts):
    folded = lambda value: {'a': {'kernel': np.full(2, value)}}
    weights = Weights({}, {}, {}, folded(own), {})
    points = tuple(CurvePoint(float(i), 0.1 * i, (10 - i,) * 4,
                              pruned=Pruned(folded(value), {}))
                   for i, value in enumerate(cuts))
    return Outcome(Trial(0, None, 1), status.OK, 0.5, (1,) * 4, (1,) * 4, weights,
                   curve=points, float_error=0.5)


def _judge(outcome, budget):
    """Judged by a chip whose flash is the weight; networks of weight 9 do not exist."""
    asked = []

    def chip(graph, pruned):
        value = pruned.folded['a']['kernel'][0]
        asked.append(value)
        costs = {'flash': value}
        return None if value == 9 else chips.OnChip(0.25, costs)

    aims = goals.Objectives(('error', 'flash'), (1.0, 1.0),
                            budgets=(('flash', budget),))
    return chips.judge(None, outcome, objectives=aims, chip=chip), asked


def test_the_judge_measures_each_network_once():
    outcome, asked = _judge(_outcome(3.0, 2.0, 3.0, 2.0), 10.0)
    assert asked == [3.0, 2.0] and outcome.status == status.OK
    assert (outcome.error, outcome.float_error) == (0.25, 0.5)
    assert [p.measured['flash'] for p in outcome.curve] == [2.0, 3.0, 2.0]
    assert all(p.fits and p.error == 0.25 and p.pruned is None for p in outcome.curve)


def test_a_point_of_the_curve_may_fit_where_its_trial_does_not():
    outcome, _ = _judge(_outcome(3.0, 2.0, 4.0), 2.5)
    assert outcome.status == status.OVER_BUDGET and outcome.measured['flash'] == 3.0
    assert [p.fits for p in outcome.curve] == [True, False]


def test_an_empty_network_is_not_measured_but_its_curve_is():
    empty = _outcome(3.0, 2.0)._replace(status=status.EMPTY)
    outcome, asked = _judge(empty, 1.0)
    assert asked == [2.0] and outcome.status == status.EMPTY
    assert outcome.measured is None and not outcome.curve[0].fits


def test_what_cannot_be_generated_is_over_budget():
    outcome, _ = _judge(_outcome(9.0, 2.0, 9.0), 10.0)
    assert outcome.status == status.OVER_BUDGET and outcome.measured is None
    assert [p.measured['flash'] for p in outcome.curve] == [2.0]
