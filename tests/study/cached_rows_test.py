"""Rows kept in memory are those of the file, whoever wrote it."""

import shutil
import sqlite3

from sparse_jax import status
from sparse_jax.study.outcome import Outcome
from sparse_jax.study.records import FILE, PENDING, Study
from tests import tiny_study


def _study(tmp_path):
    shutil.copy(tiny_study.finished().workdir / FILE, tmp_path / FILE)
    return Study(tmp_path)


def _same(study, tmp_path):
    fresh = Study(tmp_path, create=False)
    expected = list(map(tiny_study.comparable, fresh.networks()))
    fresh.close()
    return list(map(tiny_study.comparable, study.networks())) == expected


def test_only_what_changed_is_read_again(tmp_path, monkeypatch):
    study = _study(tmp_path)
    before, asked = study.networks(), []
    read = study._db.read
    monkeypatch.setattr(study._db, 'read', lambda sql, *a: asked.append(sql) or read(
        sql, *a))
    monkeypatch.setattr(study._db, 'table', lambda name: 1 / 0)
    assert list(map(tiny_study.comparable, study.networks())) == list(
        map(tiny_study.comparable, before))
    assert asked == ['PRAGMA data_version']
    trial = before[0].trial._replace(number=len(study.rows()))
    study.add_round(7, 0, [trial], [before[0].point], {})
    assert study.rows()[-1].trial.number == trial.number
    assert study.networks({trial.number})[0].round == 7
    monkeypatch.undo()
    assert _same(study, tmp_path)
    study.close()


def test_what_another_program_writes_is_seen(tmp_path):
    study = _study(tmp_path)
    count = len(study.rows())
    other = sqlite3.connect(tmp_path / FILE)
    with other:
        other.execute('DELETE FROM trials WHERE number=0')
    other.close()
    assert len(study.rows()) == count - 1 and _same(study, tmp_path)
    study.close()


def test_some_rows_are_those_of_all(tmp_path):
    """As trials are suggested and finished."""
    study = _study(tmp_path)
    first = study.rows()[0]

    def check():
        rows = study.rows()
        for round_ in range(9):
            expected = [row for row in study.networks() if row.round == round_]
            assert study.of_round(round_) == expected
        assert study.pending() == [row for row in rows if row.status == PENDING]
        assert study.next_number() == len(rows)
        assert study.networks({1, 99}) == [
            row for row in study.networks() if row.trial.number == 1]

    check()
    trials = [first.trial._replace(number=study.next_number() + i) for i in range(2)]
    study.add_round(8, 0, trials, [first.point] * 2, {})
    assert [row.trial.number for row in study.pending()] == [t.number for t in trials]
    check()
    study.finish_trials([Outcome(trials[1], status.EMPTY)])
    assert [row.trial.number for row in study.pending()] == [trials[0].number]
    check()
    study.close()
    assert Study(tmp_path / 'new').next_number() == 0


def test_rounds_are_read_once(tmp_path, monkeypatch):
    study = _study(tmp_path)
    before = study.rounds()
    monkeypatch.setattr(study._db, 'table', lambda name: 1 / 0)
    assert study.rounds() == before and len(before) == tiny_study.ROUNDS
    study.add_round(5, 0, [], [], {'suggest_seconds': 1.5})
    study.finish_round(5, compile_seconds=0.0, train_seconds=0.0, programs=0,
                       hypervolume=2.0, info={'wall_seconds': 3.0})
    assert study.rounds()[:-1] == before
    assert study.rounds()[-1].info == {'wall_seconds': 3.0}
    monkeypatch.undo()
    other = sqlite3.connect(tmp_path / FILE)
    with other:
        other.execute('DELETE FROM rounds WHERE round=0')
    other.close()
    assert [record.round for record in study.rounds()] == [1, 5]
    study.close()
