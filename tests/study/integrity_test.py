"""Damaged, old, shared and unwritable studies: one line, and the rest is read."""

import os
import pathlib
import shutil
import sqlite3
import threading
import types
import warnings

import numpy as np
import pytest

from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.study import database, front, lineage, schema
from sparse_jax.study import weights_file as packing
from sparse_jax.study.outcome import CurvePoint, Outcome, Trial, Weights
from sparse_jax.study.records import FILE, PENDING, Study, StudyError, StudyWarning
from tests import tiny_study
from tests.study import version_3, version_4

COSTS = Totals(11, 12, 13, 14)
TRIALS = [Trial(0, np.array([0.25, 1.0]), 5), Trial(1, np.array([0.5, 0.0]), 5, 0),
          Trial(2, np.array([0.125, 0.5]), 5, 1)]


def _weights(number):
    kernel = np.arange(12, dtype=np.float32).reshape(2, 3, 2, 1) + number
    return Weights({'a': {'kernel': kernel}}, {}, {}, {'a': {'kernel': kernel}},
                   {'a': np.array([True, False])})


def _outcome(trial):
    curve = (CurvePoint(-1.0, 0.5, Totals(1, 2, 3, 4), {'flash': 7.5, 'taste': 3.0}),)
    return Outcome(trial, 0, 0.25, COSTS, COSTS, _weights(trial.number), (0.5,), 1.5,
                   curve, measured={'flash': 9.5, 'taste': 4.0})


def _write(workdir):
    study = Study(workdir)
    study.add_round(0, 7, TRIALS, [{'alpha': 0.1}] * 3, {'suggest_seconds': 2.0})
    study.finish_trials([_outcome(trial) for trial in TRIALS])
    study.finish_round(0, compile_seconds=1.0, train_seconds=2.0, programs=1,
                       hypervolume=0.5, info={'groups': 1})
    study.set_meta('data', 'abc')
    study.close()


@pytest.fixture
def workdir(tmp_path):
    _write(tmp_path / 'run')
    return tmp_path / 'run'


def _change(workdir, sql, *arguments):
    db = sqlite3.connect(workdir / FILE)
    db.execute(sql, arguments)
    db.commit()
    db.close()


def _read(workdir):
    """(study that is only read, its warnings)."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        study = Study(workdir, create=False)
    return study, [str(w.message) for w in told if w.category is StudyWarning]


def _content(study):
    """Everything that can be read of a study, comparable."""
    rows = [tiny_study.comparable(row) for row in study.networks()]
    weights = {}
    for number in range(len(TRIALS)):
        try:
            found = study.weights(number)
        except StudyError as error:
            assert f'trial {number}' in str(error) and FILE in str(error)
            found = None
        weights[number] = None if found is None else packing.pack(found)
    return rows, weights, study.rounds(), study.meta('data')


def test_a_goal_that_nobody_knew_gets_its_column(workdir):
    study, told = _read(workdir)
    assert told == [] and study.damage == []
    assert [row.measured for row in study.networks()] == [
        {'flash': 9.5, 'taste': 4.0}] * 3 + [{'flash': 7.5, 'taste': 3.0}] * 3
    names = schema.columns(sqlite3.connect(workdir / FILE), 'trials')
    assert 'own_taste' in names and 'flash' in names


DAMAGES = [
    ('UPDATE trials SET rung=2 WHERE number=2', 'trial 2 is missing or damaged'),
    ('UPDATE trials SET error=0.125 WHERE number=1', 'trial 1 is missing or damaged'),
    ('DELETE FROM trials WHERE number=2', 'trial 2 is missing or damaged'),
    ('DELETE FROM trials WHERE number=0',
     'trial 1 inherits from trial 0, which is not there'),
    ("UPDATE trials SET status='fine' WHERE number=0", 'trial 0 is missing or damaged'),
    ('UPDATE curves SET model_size=2 WHERE trial=1', 'trial 1 at cut -1.0 is damaged'),
    ('DELETE FROM weights WHERE trial=1', 'the weights of trial 1 are missing'),
    ('UPDATE rounds SET hypervolume=0.75', 'round 1 is damaged'),
    ('UPDATE rounds SET trials=1000000000000', 'round 1 is damaged'),
    ("UPDATE meta SET value='abd' WHERE key='data'", "setting 'data' is damaged"),
    ('UPDATE trials SET checksum=NULL WHERE number=1', 'trial 1 is missing'),
    ("UPDATE trials SET coordinates='[0.5]' WHERE number=1", 'trial 1 is missing'),
]


@pytest.mark.parametrize('sql, line', DAMAGES)
def test_a_damage_is_one_line_and_the_rest_is_read(workdir, sql, line):
    whole = {row.name for row in _read(workdir)[0].networks()}
    _change(workdir, sql)
    study, (told,) = _read(workdir)
    assert line in told and FILE in told and '\n' not in told
    assert {row.name for row in study.networks()} < whole or ' trials ' not in sql
    with pytest.raises(StudyError, match='can be read, but not continued') as caught:
        Study(workdir)
    assert line in str(caught.value)
    assert lineage.tree_lines(study.rows())


@pytest.mark.parametrize('table, column, value', [
    ('trials', 'coordinates', '[0.5, 1.5]'), ('trials', 'coordinates', '[0.5, NaN]'),
    ('trials', 'status', 'fine'), ('trials', 'point', '[' * 5000),
    ('trials', 'error', 2.0), ('trials', 'epochs', -1), ('trials', 'parent', 'x'),
    ('curves', 'error', -1.0), ('rounds', 'info', '3'), ('trials', 'macs', 1.5)])
def test_what_no_search_writes_is_left_out_though_its_checksum_is_right(
        workdir, table, column, value):
    db = sqlite3.connect(workdir / FILE)
    db.execute(f'UPDATE {table} SET {column}=?', (value,))
    for key in db.execute(
            f'SELECT {", ".join(schema.KEYS[table])} FROM {table}').fetchall():
        schema.seal(db, table, key)
    db.commit()
    study, (told,) = _read(workdir)
    assert 'damaged' in told
    found = {'trials': study.rows, 'curves': study.curve_rows, 'rounds': study.rounds}
    assert found[table]() == []


def test_a_number_far_from_all_others_is_a_gap_in_one_line(workdir):
    db = sqlite3.connect(workdir / FILE)
    db.execute('UPDATE trials SET number=? WHERE number=2', (10 ** 12,))
    schema.seal(db, 'trials', (10 ** 12,))
    db.commit()
    _, (told,) = _read(workdir)
    assert f'trials 2 to {10 ** 12 - 1} are missing or damaged' in told


@pytest.mark.parametrize('value', [
    '5', '{', '[' * 5000, '{"0": "x", "1": 7, "2": NaN}'])
def test_test_accuracies_that_are_none_are_measured_again(workdir, value):
    db = sqlite3.connect(workdir / FILE)
    db.execute('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)',
               (front.TESTS, value))
    schema.seal(db, 'meta', (front.TESTS,))
    db.commit()
    study, told = _read(workdir)
    members = [types.SimpleNamespace(row=row) for row in study.rows()]
    assert told == [] and front.known_tests(study, members) == {}


def test_damaged_weights_name_the_trial_and_the_file(workdir):
    _change(workdir, 'UPDATE weights SET npz=? WHERE trial=1', b'PK')
    study, told = _read(workdir)
    assert told == []
    assert tiny_study.same_weights(study.weights(2), _weights(2))
    with pytest.raises(StudyError, match=rf'{FILE}: the weights of trial 1 are damage'):
        study.weights(1)
    with pytest.raises(StudyError, match='the weights of trial 1 are damaged'):
        Study(workdir)


@pytest.mark.parametrize('seed', range(4))
def test_random_bits_are_never_a_traceback_nor_another_number(workdir, tmp_path, seed):
    rng = np.random.default_rng(seed)
    whole = _content(_read(workdir)[0])
    data, noticed = (workdir / FILE).read_bytes(), 0
    used = np.flatnonzero(np.frombuffer(data, np.uint8))
    for trial in range(75):
        broken = bytearray(data)
        for position in rng.choice(used, 1 + trial % 3):
            broken[position] ^= 1 << int(rng.integers(8))
        folder = tmp_path / 'broken'
        folder.mkdir(exist_ok=True)
        (folder / FILE).write_bytes(broken)
        try:
            study, told = _read(folder)
            found = _content(study)
            study.close()
        except StudyError as error:
            assert '\n' not in str(error)
            noticed += 1
            continue
        noticed += bool(told) or None in found[1].values()
        assert all(row in whole[0] for row in found[0])
        assert all(blob in (None, whole[1][n]) for n, blob in found[1].items())
        assert all(row in whole[2] for row in found[2])
        assert found[3] in (None, whole[3])
    assert noticed > 60


def test_a_study_of_version_3_is_read_as_it_is(tmp_path):
    version_3.write(tmp_path / FILE, packing.pack(_weights(0)))
    before = (tmp_path / FILE).read_bytes()
    study, told = _read(tmp_path)
    assert told == []
    first, second, cut = study.networks()
    assert first.measured == {
        'flash': 100.5, 'ram': 640, 'instructions': 5000.25, 'latency': 0.5}
    assert (first.error, first.costs, first.unpruned) == (
        0.25, COSTS, Totals(21, 22, 23, 24))
    assert second.status == PENDING and second.trial.parent == 0
    assert (cut.name, cut.error, cut.measured['ram']) == ('0@-1', 0.5, 320)
    assert tiny_study.same_weights(study.weights(0), _weights(0))
    assert study.rounds()[0].info == {'stage': 1} and study.meta('data') == 'abc'
    study.close()
    assert (tmp_path / FILE).read_bytes() == before


def test_a_study_of_version_3_continues_with_checksums(tmp_path):
    version_3.write(tmp_path / FILE, packing.pack(_weights(0)))
    before = [tiny_study.comparable(row) for row in _read(tmp_path)[0].networks()]
    study = Study(tmp_path)
    assert [tiny_study.comparable(row) for row in study.networks()] == before
    assert study.meta('version') == schema.VERSION
    study.finish_trials([_outcome(TRIALS[1])])
    study.close()
    again, told = _read(tmp_path)
    assert told == [] and again.rows()[1].measured == {'flash': 9.5, 'taste': 4.0}
    _change(tmp_path, 'UPDATE trials SET error=0.125 WHERE number=0')
    assert 'trial 0' in _read(tmp_path)[1][0]


def test_a_study_of_version_4_is_read_as_it_is_and_continues_with_rungs(tmp_path):
    version_4.write(tmp_path / FILE, packing.pack(_weights(0)))
    before = (tmp_path / FILE).read_bytes()
    study, told = _read(tmp_path)
    assert told == [] and study.damage == []
    assert [row.trial[4:] for row in study.rows()] == [(0, None)] * 2
    stored = [tiny_study.comparable(row) for row in study.networks()]
    study.close()
    assert (tmp_path / FILE).read_bytes() == before
    study = Study(tmp_path)
    assert [tiny_study.comparable(row) for row in study.networks()] == stored
    assert study.meta('version') == schema.VERSION and study.meta('data') == 'abc'
    further = Trial(2, np.array([0.25, 1.0]), 7, 0, rung=1, origin=0)
    study.add_round(1, 7, [further], [{'alpha': 0.1}], {})
    study.close()
    again, told = _read(tmp_path)
    assert told == [] and again.rows()[2].trial[2:] == further[2:]
    assert tiny_study.same_weights(again.weights(0), _weights(0))
    assert [row.trial.first for row in again.rows()] == [0, 1, 0]


@pytest.mark.parametrize('version', [version_3, version_4])
def test_a_damaged_older_study_is_refused_and_stays(tmp_path, version):
    version.write(tmp_path / FILE, packing.pack(_weights(0)))
    _change(tmp_path, 'DELETE FROM trials WHERE number=0')
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StudyError, match='trial 0 is missing or damaged'):
        Study(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.parametrize('create', [True, False])
def test_what_cannot_be_read_is_refused_and_stays(tmp_path, create):
    version_3.write(tmp_path / FILE, b'')
    for value in ('2', '99'):
        _change(tmp_path, 'UPDATE meta SET value=? WHERE key="version"', value)
        before = (tmp_path / FILE).read_bytes()
        with pytest.raises(StudyError, match=f'version {value}, this program reads 3'):
            Study(tmp_path, create=create)
        assert (tmp_path / FILE).read_bytes() == before
    (tmp_path / FILE).write_bytes(before := b'no database at all' * 100)
    with pytest.raises(StudyError, match='not a database'):
        Study(tmp_path, create=create)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_database_of_something_else_is_refused(tmp_path):
    db = sqlite3.connect(tmp_path / FILE)
    db.execute('CREATE TABLE songs (title TEXT)')
    db.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StudyError, match='no such table: meta'):
        Study(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_file_of_nothing_is_a_new_study(tmp_path):
    (tmp_path / FILE).touch()
    study = Study(tmp_path, create=False)
    assert study.networks() == study.rounds() == [] and study.meta('data') is None
    study.close()
    assert (tmp_path / FILE).stat().st_size == 0
    Study(tmp_path).set_meta('data', 'abc')
    assert Study(tmp_path, create=False).meta('data') == 'abc'


def test_a_reader_with_a_transaction_is_waited_for(workdir):
    db = sqlite3.connect(workdir / FILE, check_same_thread=False, isolation_level=None)
    db.execute('BEGIN')
    db.execute('SELECT * FROM trials').fetchall()
    told, waits = [], threading.Event()

    def waiting(text):
        told.append(text)
        waits.set()

    study = Study(workdir, patience=0.05, waiting=waiting)

    def let_go():
        waits.wait(30)
        db.execute('COMMIT')

    thread = threading.Thread(target=let_go)
    thread.start()
    more = Trial(3, np.array([0.5, 0.5]), 5, 0)
    study.add_round(1, 7, [more], [{}], {})
    study.finish_trials([_outcome(more)])
    thread.join()
    assert told == [f'{FILE}: waiting for another program that uses it']
    assert len(study.rows()) == 4 and study.weights(3) is not None


def test_a_study_is_read_where_nothing_can_be_written(workdir, monkeypatch):
    before = {path: path.read_bytes() for path in workdir.iterdir()}
    for path in (workdir / FILE, workdir):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        study, told = _read(workdir)
        assert len(study.networks()) == 6 and told == []
        if os.geteuid():
            with pytest.raises(StudyError, match='readonly|unable to open'):
                study.set_meta('x', '1')
        study.close()
    finally:
        workdir.chmod(0o755)
    assert {path: path.read_bytes() for path in workdir.iterdir()} == before


def _killed(workdir, tmp_path):
    """A copy of a study as a kill in the middle of a transaction leaves it."""
    db = sqlite3.connect(workdir / FILE, isolation_level=None)
    db.execute('PRAGMA cache_size=1')
    db.execute('BEGIN IMMEDIATE')
    db.execute('UPDATE trials SET error=0.125')
    db.execute('UPDATE weights SET npz=zeroblob(200000)')
    shutil.copytree(workdir, tmp_path / 'killed')
    db.execute('ROLLBACK')
    db.close()
    return tmp_path / 'killed'


def test_a_reader_takes_back_what_a_kill_left(workdir, tmp_path):
    whole = _content(_read(workdir)[0])
    killed = _killed(workdir, tmp_path)
    assert (killed / f'{FILE}-journal').stat().st_size
    study, told = _read(killed)
    assert told == [] and _content(study) == whole


def test_a_reader_copies_where_it_cannot_take_back(workdir, tmp_path, monkeypatch):
    whole = _content(_read(workdir)[0])
    killed = _killed(workdir, tmp_path)
    connect = database.Database._connect

    def refusing(self, path, mode):
        db = connect(self, path, mode)
        if pathlib.Path(path).parent == killed:
            db.close()
            error = sqlite3.OperationalError('unable to open database file')
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error
        return db

    monkeypatch.setattr(database.Database, '_connect', refusing)
    study, told = _read(killed)
    assert told == [] and _content(study) == whole
    assert (killed / f'{FILE}-journal').exists()


def test_settings_are_stored_through_a_reader(workdir):
    study, _ = _read(workdir)
    study.set_meta('x', '1')
    assert study.meta('x') == '1'
    assert Study(workdir, create=False).meta('x') == '1'


def test_a_count_that_came_later_gets_its_column(workdir):
    for table in ('trials', 'curves'):
        _change(workdir, f'ALTER TABLE {table} DROP COLUMN macs')
    db = sqlite3.connect(workdir / FILE)
    for table in ('trials', 'curves'):
        for key in db.execute(
                f'SELECT {", ".join(schema.KEYS[table])} FROM {table}').fetchall():
            schema.seal(db, table, key)
    db.commit()
    db.close()
    study = Study(workdir)
    assert study.rows()[0].costs == COSTS._replace(macs=0)
    more = Trial(3, np.array([0.5, 0.5]), 5, 0)
    study.add_round(1, 7, [more], [{}], {})
    study.finish_trials([_outcome(more)])
    assert study.rows()[3].costs == COSTS
    assert study.networks()[-1].costs == Totals(1, 2, 3, 4)
