"""The storage, read back by Optuna itself."""

import contextlib

import numpy as np
import pytest

from sparse_jax.logs import optuna_storage
from sparse_jax.objectives.goals import front_of, matrix
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.study.records import Study
from tests import tiny_study

optuna = pytest.importorskip('optuna')


def test_optuna_has_the_study(tmp_path):
    made = tiny_study.finished()
    aims = made.setup.objectives
    with contextlib.closing(Study(made.workdir, create=False)) as study:
        rows = study.rows()
        for _ in range(2):
            assert optuna_storage.write(
                tmp_path, study, aims, made.setup.space, 'digits') == ['optuna.db']
    assert [path.name for path in tmp_path.iterdir()] == ['optuna.db']
    found = optuna.load_study(
        study_name='digits', storage=f'sqlite:///{tmp_path}/optuna.db')
    assert len(found.trials) == len(rows) and found.metric_names == list(aims.names)
    for trial, row in zip(found.trials, rows, strict=True):
        assert trial.state == optuna.trial.TrialState.COMPLETE
        np.testing.assert_array_equal(trial.values, matrix([row], aims)[0])
        assert trial.params == row.point
        assert trial.user_attrs['status'] == 'ok'
        assert trial.user_attrs['round'] == row.round + 1
        assert trial.user_attrs['model_size'] == row.costs.model_size
        assert trial.user_attrs['unpruned_macs'] == row.unpruned.macs
        assert 'parent' not in trial.user_attrs or row.trial.parent is not None
    best = {trial.number for trial in found.best_trials}
    assert {row.trial.number for row in front_of(rows, aims)} <= best


@pytest.mark.parametrize('change, state', [
    ({'status': 'over-budget'}, 'PRUNED'),
    ({'status': 'nonfinite', 'error': None}, 'FAIL'),
    ({'status': 'infeasible', 'error': None, 'costs': None, 'unpruned': None}, 'FAIL')])
def test_what_is_no_network_is_no_result(change, state):
    made = tiny_study.finished()
    with contextlib.closing(Study(made.workdir, create=False)) as study:
        row = study.rows()[0]._replace(**change)
    trial = optuna_storage.trial_of(row, made.setup.objectives, made.setup.space)
    assert trial.state == optuna.trial.TrialState[state] and trial.values is None
    assert trial.user_attrs['status'] == change['status']


@pytest.mark.parametrize('prior', ['log-uniform', 'uniform', 'scaled'])
def test_every_value_of_the_table_is_one_of_its_distribution(prior):
    space = sparse_space((28, 28, 1), 10, prior=prior, rows='extended')
    rows = np.random.default_rng(0).random((200, len(space.dimensions)))
    points = encoding.decode_rows(space, rows)
    for dimension in space.dimensions:
        allowed = optuna_storage.distribution(dimension)
        for point in points:
            value = allowed.to_internal_repr(point[dimension.name])
            assert allowed._contains(value), (dimension.name, point[dimension.name])
