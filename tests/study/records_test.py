"""The study on disk: exact round trips, whole transactions, no pickles."""

import io
import sqlite3

import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.study import weights_file as packing
from sparse_jax.study.outcome import CurvePoint, Outcome, Trial, Weights
from sparse_jax.study.records import PENDING, Study, StudyError
from tests import tiny_study

COSTS = Totals(11, 12, 13, 14)


def _trials(count=3):
    rng = np.random.default_rng(0)
    return [Trial(i, rng.random(7), 5 + i, parent=i - 1 if i else None)
            for i in range(count)]


def _weights(seed=0):
    rng = np.random.default_rng(seed)
    layer = lambda: {'kernel': rng.normal(size=(2, 3, 1, 1)).astype(np.float32),
                     'bias': rng.normal(size=2).astype(np.float32)}
    return Weights({'a': layer()}, {'a': layer()}, {}, {'a': layer()},
                   {'a': np.array([True, False])})


def _study(tmp_path, trials):
    made = Study(tmp_path / 'run')
    points = [{'alpha': 0.1}] * len(trials)
    made.add_round(0, 7, trials, points, {'suggest_seconds': 2.0})
    return made


def _good(trial, **changes):
    return Outcome(trial, status.OK, 0.1 + 0.2, COSTS, COSTS, _weights(trial.number),
                   (0.5, 0.7), 1.5)._replace(**changes)


def test_trials_and_weights_come_back_exactly(tmp_path):
    trials = _trials()
    first = _study(tmp_path, trials)
    first.finish_trials([_good(t) for t in trials])
    first.close()
    again = Study(tmp_path / 'run', create=False)
    for trial, row in zip(trials, again.rows()):
        np.testing.assert_array_equal(row.trial.row, trial.row)
        assert row.trial[2:] == trial[2:] and row.round == 0
        assert row.ok and row.error == 0.1 + 0.2 and row.costs == row.unpruned == COSTS
        assert tiny_study.same_weights(
            again.weights(trial.number), _weights(trial.number))


def test_a_fresh_round_is_pending(tmp_path):
    made = _study(tmp_path, _trials())
    assert [row.status for row in made.rows()] == [PENDING] * 3
    assert made.rounds()[0].suggest_seconds == 2.0
    assert made.weights(0) is None


@pytest.mark.parametrize('code', [status.INFEASIBLE, status.NONFINITE, status.EMPTY])
def test_failures_have_no_numbers(tmp_path, code):
    trial, = _trials(1)
    made = _study(tmp_path, [trial])
    made.finish_trials([Outcome(trial, code)])
    row, = made.rows()
    assert row.status == status.name(code) and not row.ok
    assert row.error is None and row.costs is None and row.name == '0'


def test_an_exception_in_the_middle_of_a_group_leaves_none(tmp_path):
    trials = _trials()
    made = _study(tmp_path, trials)
    broken = _weights()._replace(params={'a': {'kernel': np.array([object()])}})
    outcomes = [_good(trials[0]), _good(trials[1], weights=broken, curve=None)]
    with pytest.raises((TypeError, ValueError)):
        made.finish_trials(outcomes)
    assert [row.status for row in made.rows()] == [PENDING] * 3
    assert made.weights(0) is None


def test_a_round_is_added_whole_or_not_at_all(tmp_path):
    made = _study(tmp_path, _trials(2))
    clash = [Trial(5, np.zeros(7), 1), Trial(1, np.zeros(7), 1)]
    with pytest.raises(sqlite3.IntegrityError):
        made.add_round(1, 7, clash, [{}, {}], {})
    assert [row.trial.number for row in made.rows()] == [0, 1]
    assert len(made.rounds()) == 1


def test_curve_points_are_networks_of_their_trial(tmp_path):
    trials = _trials(2)
    made = _study(tmp_path, trials)
    point = CurvePoint(-1.0, 0.25, Totals(1, 2, 3, 4))
    made.finish_trials([_good(trials[0], curve=(point,)), Outcome(trials[1], 2)])
    names = [row.name for row in made.networks()]
    assert names == ['0', '1', '0@-1']
    extra = made.networks()[-1]
    assert (extra.error, extra.costs, extra.offset) == (0.25, Totals(1, 2, 3, 4), -1.0)


def test_summaries_of_a_round_are_merged(tmp_path):
    made = _study(tmp_path, _trials(1))
    made.finish_round(0, compile_seconds=1.0, train_seconds=2.0, programs=3,
                      hypervolume=0.5, info={'groups': 1})
    record, = made.rounds()
    assert record.suggest_seconds == 2.0 and record.hypervolume == 0.5
    assert record.info == {'groups': 1}


def test_weights_are_packed_without_pickles():
    assert tiny_study.same_weights(packing.unpack(packing.pack(_weights())), _weights())
    buffer = io.BytesIO()
    np.savez(buffer, **{'params/a/kernel': np.array([{'code': 1}], object)})
    with pytest.raises(ValueError, match='allow_pickle'):
        packing.unpack(buffer.getvalue())


def test_objects_are_not_packed():
    bad = _weights()._replace(units={'a': np.array([object()])})
    with pytest.raises((TypeError, ValueError)):
        packing.pack(bad)


def test_settings_are_kept(tmp_path):
    made = Study(tmp_path)
    assert made.meta('x') is None
    made.set_meta('x', '1')
    made.set_meta('x', '2')
    assert made.meta('x') == '2'


def test_a_study_of_another_version_is_refused(tmp_path):
    Study(tmp_path).set_meta('version', '99')
    with pytest.raises(StudyError, match='version 99'):
        Study(tmp_path)


def test_a_missing_study_is_not_made_when_only_read(tmp_path):
    with pytest.raises(StudyError, match='no study here'):
        Study(tmp_path / 'none', create=False)
    assert not (tmp_path / 'none').exists()
