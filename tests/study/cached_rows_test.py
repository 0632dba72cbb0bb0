"""Rows kept in memory are those of the file, whoever wrote it."""

import shutil
import sqlite3

from sparse_jax.study.records import FILE, Study
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
