"""Tables of a study, compared with its records."""

import contextlib
import csv
import math
import types

import pytest

from sparse_jax.logs import tables
from sparse_jax.objectives.goals import figure
from sparse_jax.settings.reading import objectives
from sparse_jax.study.record import RoundRecord
from sparse_jax.study.records import Study
from tests import tiny_study


def _rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize('search', [tiny_study.finished, tiny_study.measured])
def test_everything_is_in_the_tables(search, tmp_path):
    made = search()
    aims = made.setup.objectives
    with contextlib.closing(Study(made.workdir, create=False)) as study:
        assert tables.write(tmp_path, study, aims) == [
            'trials.csv', 'rounds.csv', 'learning.csv']
        networks, rounds = study.networks(), study.rounds()
        learned = {row.trial.number: study.learning(row.trial.number)
                   for row in study.rows()}
    rows = _rows(tmp_path / 'trials.csv')
    assert [row['network'] for row in rows] == [row.name for row in networks]
    for row, record in zip(rows, networks, strict=True):
        assert row['status'] == record.status
        assert int(row['round']) == record.round + 1
        assert int(row['epochs']) == record.trial.epochs
        assert float(row['error']) == record.error
        assert int(row['model_size']) == record.costs.model_size
        assert int(row['unpruned_macs']) == record.unpruned.macs
        assert row['cut'] == ('' if record.offset is None else str(record.offset))
        for goal in aims.measured:
            assert float(row[goal.name]) == figure(record, goal.name, aims)
        point = {name.removeprefix('point.'): value for name, value in row.items()
                 if name.startswith('point.') and value}
        assert point == {name: str(value) for name, value in record.point.items()}
    found = _rows(tmp_path / 'rounds.csv')
    assert [float(row['hypervolume']) for row in found] == [
        r.hypervolume for r in rounds]
    assert [row['round'] for row in found] == ['1', '2']
    assert float(found[0]['wall_seconds']) == rounds[0].info['wall_seconds']
    epochs = _rows(tmp_path / 'learning.csv')
    assert [(int(row['trial']), int(row['epoch']), float(row['loss']))
            for row in epochs] == [
        (number, epoch, loss) for number, learning in learned.items()
        for epoch, loss in zip(learning.epoch, learning.loss)]


def test_what_was_not_measured_is_empty(tmp_path):
    made = tiny_study.finished()
    aims = objectives(tiny_study.settings(objectives__names=('error', 'flash')), 3)
    with contextlib.closing(Study(made.workdir, create=False)) as study:
        row = study.rows()[0]._replace(
            status='infeasible', error=None, float_error=None, costs=None,
            unpruned=None, train_seconds=None)
        heading, cells = tables.trials([row], aims)
    found = dict(zip(heading, cells, strict=True))
    assert [found[name] for name in ('error', 'model_size', 'flash', 'parent')] == [
        ''] * 4
    assert not any(isinstance(v, float) and math.isnan(v) for v in found.values())


def test_no_cell_is_a_formula():
    info = {'=2+3': "=cmd|' /C calc'!A0", 'wall_seconds': -1.5}
    study = types.SimpleNamespace(rounds=lambda: [
        RoundRecord(0, 1.0, 0.0, 0.0, 0, 1.0, info)])
    heading, cells = tables.rounds(study)
    assert heading[-2:] == ["'=2+3", 'wall_seconds']
    assert cells[-2:] == ["'=cmd|' /C calc'!A0", -1.5]
