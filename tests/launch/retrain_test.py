"""Networks of a study, trained again from several starts."""

import json
import shutil
import types

import numpy as np
import pytest

from launch import retrain
from sparse_jax.objectives.goals import ranked_under
from sparse_jax.search import loop
from sparse_jax.settings.stored import dumps
from sparse_jax.study import retraining
from sparse_jax.study.opened import best_networks
from sparse_jax.study.records import Study, StudyError
from tests import tiny_study
from tests.launch import command_line


def _retrain(capsys, folder, *more):
    given = [flag.split('=')[0] for flag in more]
    usual = [flag for flag in (
        f'--workdir={folder}/study', f'--out={folder}/again', '--epochs=5',
        '--max_train=96', '--repeats=2') if flag.split('=')[0] not in given]
    return command_line.run(capsys, 'retrain', *usual, *more)


def _rows(workdir):
    study = Study(workdir, create=False)
    found = study.rows(), study.curve_rows()
    study.close()
    return found


def test_starts_differ_and_train_the_same_network(tmp_path, capsys):
    shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    (tmp_path / 'study' / 'config.json').write_text(dumps(tiny_study.settings()))
    before = command_line.contents(tmp_path / 'study')
    found = _retrain(capsys, tmp_path, f'--trial=1@{tiny_study.CUT:g}')
    assert found.code == 0, found.err
    assert command_line.contents(tmp_path / 'study') == before
    config = json.loads((tmp_path / 'again' / 'config.json').read_text())
    assert (config['data']['max_train'], config['train']['epochs']) == (96, 5)
    rows, curve = _rows(tmp_path / 'again')
    source = _rows(tmp_path / 'study')[0][1]
    assert [row.trial.number for row in rows] == [0, 1]
    for row in rows:
        np.testing.assert_array_equal(row.trial.row, source.trial.row)
        assert row.trial.epochs == 5 and row.trial.parent is None and row.trained
    study = Study(tmp_path / 'again', create=False)
    first, second = (study.weights(number).params for number in (0, 1))
    study.close()
    node = next(iter(first))
    assert np.abs(first[node]['kernel'] - second[node]['kernel']).max() > 1e-3
    errors = [100 * row.error for row in curve if row.offset == tiny_study.CUT]
    line = found.out.strip().splitlines()[-1]
    assert line.startswith('trial 1@-1, 5 epochs: 2 of 2 starts give validation error '
                           f'{np.mean(errors):.2f}% ({min(errors):.2f}% to ')
    assert _retrain(capsys, tmp_path, f'--trial=1@{tiny_study.CUT:g}').code == 0
    assert [r.error for r in _rows(tmp_path / 'again')[0]] == [r.error for r in rows]
    # The folder is of this network and this command.
    found = _retrain(capsys, tmp_path, '--trial=2')
    assert found.code == 2 and 'trainings of another network than trial 2' in found.err
    found = _retrain(capsys, tmp_path, '--trial=1', '--repeats=3')
    assert found.code == 2 and 'search.batch: 2 -> 3' in found.err
    assert len(_rows(tmp_path / 'again')[0]) == 2


def test_the_best_networks_are_ordered_by_the_mean_of_their_starts(tmp_path, capsys):
    shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    (tmp_path / 'study' / 'config.json').write_text(dumps(tiny_study.settings()))
    found = _retrain(capsys, tmp_path, '--networks=3')
    assert found.code == 0, found.err
    aims = tiny_study.finished().setup.objectives
    study = Study(tmp_path / 'study', create=False)
    best = {}
    for row in ranked_under(study.networks(), aims):
        best.setdefault(row.trial.number, row)
    study.close()
    expected = list(best.values())[:3]
    rows, curve = _rows(tmp_path / 'again')
    assert len(rows) == 6
    means = {}
    for i, row in enumerate(expected):
        for r in rows[2 * i:2 * i + 2]:
            np.testing.assert_array_equal(r.trial.row, row.trial.row)
        there = {r.trial.number: r for r in rows + curve if r.offset == row.offset}
        means[row.name] = np.mean([there[n].error for n in (2 * i, 2 * i + 1)])
    lines = found.out.strip().splitlines()[-3:]
    assert [line.split()[1].rstrip(',') for line in lines] == sorted(
        means, key=means.get)
    for line in lines:
        name = line.split()[1].rstrip(',')
        assert f'give validation error {100 * means[name]:.2f}% (' in line
    # Its own starts are of three networks again, not of six.
    again = tmp_path / 'again'
    study = Study(again, create=False)
    assert len(best_networks(study, 9, aims)) == len(
        {row.trial.row.tobytes() for row in ranked_under(study.networks(), aims)}) <= 3
    study.close()
    found = _retrain(capsys, tmp_path, '--networks=3', '--trial=1')
    assert found.code == 2 and 'allowed: --trial=best' in found.err


def test_a_start_without_a_network_at_the_cut_is_counted():
    study = Study(tiny_study.finished().workdir, create=False)
    rows, curve = study.rows(), study.curve_rows()
    study.close()
    # Start 0 is emptied by the cut, 1 is over a budget there, 2 is empty anyway.
    rows[2] = rows[2]._replace(status='empty', error=0.9)
    there = [c._replace(status='over-budget') if c.trial.number == 1 else c
             for c in curve if c.trial.number in (1, 3)]
    records = types.SimpleNamespace(rows=lambda: rows, networks=lambda: rows + there)
    aims = tiny_study.finished().setup.objectives
    found = retraining.at_cut(records, tiny_study.CUT, (tiny_study.CUT,), aims)
    assert [r.status for r in found] == ['empty', 'over-budget', 'empty', 'ok']
    assert found[3].offset == tiny_study.CUT
    text = retrain.summary(found, found[3], aims, 5, 12)
    assert text.startswith(
        'trial 3@-1, 5 epochs: 1 of 4 starts (2 empty, 1 over-budget)')
    assert text.endswith(' after 12 epochs')


def _at_placed(rows, curve, limit):
    """What every trial is at where budgets place its cut, and at cut CUT else."""
    records = types.SimpleNamespace(rows=lambda: rows, networks=lambda: rows + curve)
    aims = tiny_study.finished().setup.objectives._replace(
        budgets=(('model_size', limit),))
    return retraining.at_cut(records, 0.37, (tiny_study.CUT,), aims)


def test_a_cut_that_budgets_have_placed_is_each_starts_own():
    study = Study(tiny_study.finished().workdir, create=False)
    rows, curve = study.rows(), study.curve_rows()
    study.close()
    curve = [c._replace(costs=c.costs._replace(model_size=500)) for c in curve]
    placed = [c._replace(offset=at) for c, at in zip(curve[:3], (0.37, -1.2, 0.4))]
    found = _at_placed(rows, curve + placed, 499)
    assert [r.offset for r in found] == [0.37, -1.2, 0.4, None]
    assert [r.status for r in found] == ['ok', 'ok', 'ok', 'empty']


def test_a_cut_that_is_placed_at_a_usual_one_is_stored_there():
    """Trial 3 is within the budget at the usual cut: its own was placed there."""
    study = Study(tiny_study.finished().workdir, create=False)
    rows, curve = study.rows(), study.curve_rows()
    study.close()
    curve = [c._replace(costs=c.costs._replace(model_size=500)) for c in curve]
    placed = [c._replace(offset=at) for c, at in zip(curve[:3], (0.37, -1.2, 0.4))]
    found = _at_placed(rows, curve + placed, 500)
    assert [r.offset for r in found] == [0.37, -1.2, 0.4, tiny_study.CUT]
    assert [r.status for r in found] == ['ok'] * 4


def _first_kernel(workdir, number):
    study = Study(workdir, create=False)
    params = study.weights(number).params
    study.close()
    return params[sorted(params)[0]]['kernel']


def test_a_start_is_no_trial_of_the_search(tmp_path, capsys):
    """At the same epochs, number and point: everything but the random numbers."""
    shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    (tmp_path / 'study' / 'config.json').write_text(dumps(tiny_study.settings()))
    found = command_line.run(
        capsys, 'retrain', f'--workdir={tmp_path}/study', f'--out={tmp_path}/again',
        '--trial=0', '--repeats=1')
    assert found.code == 0, found.err
    source, again = (_first_kernel(tmp_path / name, 0) for name in ('study', 'again'))
    assert source.shape == again.shape and np.abs(source - again).max() > 1e-3


def test_an_heir_goes_on_from_the_stored_posterior(tmp_path, capsys):
    """One step at almost no rate: the weights are still those of the study."""
    shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    slow = tiny_study.settings(train__decay=1.0)
    (tmp_path / 'study' / 'config.json').write_text(dumps(slow))
    run = lambda *more: command_line.run(
        capsys, 'retrain', f'--workdir={tmp_path}/study', f'--out={tmp_path}/again',
        '--trial=1', '--epochs=1', '--max_train=32', '--repeats=2', *more)
    found = run('--inherit')
    assert found.code == 0, found.err
    rows, _ = _rows(tmp_path / 'again')
    assert [row.trial.parent for row in rows] == [-1, -1]
    source, first, second = (
        _first_kernel(tmp_path / name, number)
        for name, number in (('study', 1), ('again', 0), ('again', 1)))
    rate = rows[0].point['learning-rate']
    for kernel in (first, second):
        # Adam's first step moves a weight by at most the rate.
        assert 0 < np.abs(kernel - source).max() < 1.01 * rate
    # Nothing is said to be missing, and what began with heirs goes on with heirs.
    found = run('--inherit')
    assert found.code == 0 and 'not there' not in found.out + found.err
    found = run()
    assert found.code == 2 and 'search.inherit: True -> False' in found.err


def test_heirs_need_their_source(tmp_path):
    """A search that is told to go on with a retraining does not start afresh."""
    built, study = tiny_study.build(search__rounds=1), Study(tmp_path)
    source = Study(tiny_study.finished().workdir, create=False)
    row = source.rows()[0]
    source.close()
    study.add_round(0, 0, [row.trial._replace(number=n, parent=-1) for n in range(2)],
                    [row.point] * 2, {})
    with pytest.raises(StudyError, match='allowed: the launch.retrain that began it'):
        loop.run(built, study)
    study.close()
