"""What a report says and leaves alone: a running search, a read-only medium, luck."""

import contextlib
import os
import shutil
import sqlite3
import subprocess

import numpy as np
import pytest

from launch import tables
from sparse_jax import data
from sparse_jax.baselines import rows
from sparse_jax.data import Split
from sparse_jax.data.dataset import assemble
from sparse_jax.data.description import describe
from sparse_jax.settings.stored import dumps
from sparse_jax.study import lock, schema
from sparse_jax.study.records import FILE, Study
from tests import tiny_study
from tests.launch import command_line


@pytest.fixture
def folder(tmp_path):
    """A whole study."""
    made = shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    (made / 'config.json').write_text(dumps(tiny_study.settings()))
    return made


def test_a_running_search_keeps_its_test_data_unseen(
        folder, capsys, monkeypatch, without_pictures):
    with lock.hold(folder), monkeypatch.context() as patch:
        patch.setattr(data, 'load_test', lambda _: pytest.fail('test data'))
        found = command_line.run(capsys, 'report', f'--workdir={folder}')
        assert found.code == 0, found.err
        assert 'test %' not in found.out
        assert found.out.splitlines()[0].startswith('test data are left alone while')
    with lock.hold(folder):
        found = command_line.run(capsys, 'report', f'--workdir={folder}', '--test')
        assert found.code == 0 and 'test %' in found.out
    found = command_line.run(capsys, 'report', f'--workdir={folder}')
    assert 'test %' in found.out and 'left alone' not in found.out


@contextlib.contextmanager
def _read_only(folder):
    """The folder as on a medium that cannot be written; skips where that is too hard.
    """
    if os.geteuid():
        for path in (folder, *folder.rglob('*')):
            path.chmod(path.stat().st_mode & ~0o222)
        yield
        for path in (folder, *folder.rglob('*')):
            path.chmod(path.stat().st_mode | 0o200)
        return
    mount = ['mount', '--bind', '-o', 'ro', str(folder), str(folder)]
    if not shutil.which('mount') or subprocess.run(
            mount, capture_output=True, check=False).returncode:
        pytest.skip('root may write everywhere, and may not mount here')
    subprocess.run(['mount', '-o', 'remount,ro,bind', str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(['umount', str(folder)], check=True)


def test_a_medium_that_cannot_be_written(folder, capsys):
    whole = command_line.run(capsys, 'report', f'--workdir={folder}')
    for name in ('front.csv', 'front.png', 'progress.csv', 'progress.png'):
        (folder / name).unlink()
    with _read_only(folder):
        found = command_line.run(capsys, 'report', f'--workdir={folder}')
    assert found.code == 2 and found.err.count('\n') == 1
    assert 'not written: the files of the report in' in found.err
    assert found.out.splitlines() == whole.out.splitlines()[:-1]
    assert not (folder / 'front.csv').exists()


def test_a_study_without_a_front_still_gets_its_page(folder, capsys):
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db, db:
        db.row_factory = sqlite3.Row
        for (number,) in db.execute('SELECT number FROM trials').fetchall():
            schema.update(db, 'trials', number, {'status': 'over-budget'})
        db.execute('DELETE FROM curves')
    found = command_line.run(capsys, 'report', f'--workdir={folder}')
    assert found.code == 2 and found.err.count('\n') == 1
    assert 'no network fits yet: 4 over-budget' in found.err
    assert found.err.endswith('; report.html says what became of the trials\n')
    page = (folder / 'report.html').read_text()
    assert 'trained, but it cannot be generated or measured' in page
    assert not (folder / 'front.csv').exists()


def _dataset(train, validation):
    images = np.arange(len(train) * 4, dtype=np.uint8).reshape(-1, 2, 2, 1)
    labels = lambda given: np.array(given, np.int32)
    return assemble('x', Split(images, labels(train)),
                    Split(images[:len(validation)], labels(validation)),
                    ('few', 'many', 'none'))


def test_the_class_that_is_best_named_always_is_the_guess():
    # 'many' leads in training, and half of the validation images are 'few'.
    dataset = _dataset([0, 1, 1, 1, 2], [0, 0, 1, 2])
    assert data.largest_class(dataset) == ('few', 0.5)
    assert data.largest_class(dataset, balanced=True)[1] == pytest.approx(2 / 3)
    # Of two that are as large the one of more training images.
    assert data.largest_class(_dataset([0, 1, 1], [0, 0, 1, 1])) == ('many', 0.5)


def test_networks_that_do_not_beat_it_are_told(capsys):
    dataset = _dataset([1, 1, 1, 0, 1], [1, 1, 1, 0])
    rows = [row._replace(error=error) for row, error in zip(
        _rows(tiny_study.finished().workdir), (0.25, 0.5), strict=True)]
    text = tables.no_better_text(rows, describe(dataset))
    assert text == ("no network is better than always naming the largest class, 'many' "
                    '(validation error 25.0 %)')
    better = [rows[0]._replace(error=0.24), rows[1]]
    assert not tables.no_better_text(better, describe(dataset))
    assert not tables.no_better_text(
        [r._replace(status='over-budget') for r in rows], describe(dataset))
    tables.notes(tables.console(), dataset)
    assert "always naming 'many' has a validation error of 25.0 %" in (
        capsys.readouterr().out)
    tables.notes(tables.console(), tiny_study.finished().setup.dataset)
    assert capsys.readouterr().out == ''


def _rows(workdir):
    study = Study(workdir, create=False)
    rows = [row for row in study.rows() if row.ok][:2]
    study.close()
    return rows


def test_competitors_on_the_same_images_are_a_section(
        folder, tmp_path, capsys, without_pictures):
    with contextlib.closing(Study(folder, create=False)) as study:
        split = study.meta('data') or ''
    rows.write(tmp_path / 'beside', [rows.Row(
        'knn', 'tiny', 3, split, 'def', 0.9125, 0.1234, 2048, 512, 500, 3, 1.0, {},
        {'seed': 5})])
    words = [f'--workdir={folder}', f'--competitors={tmp_path / "beside"}',
             '--nosurrogate']
    found = command_line.run(capsys, 'report', '--notest', *words)
    assert found.code == 0, found.err
    page = (folder / 'report.html').read_text()
    assert 'Competitors on these images' in page
    assert '91.25' in page and '12.34' not in page
    found = command_line.run(capsys, 'report', *words)
    assert found.code == 0 and '12.34' in (folder / 'report.html').read_text()
    found = command_line.run(
        capsys, 'report', words[0], f'--competitors={tmp_path / "none"}')
    assert found.code == 2 and found.err.count('\n') == 1
    assert 'has no rows of competitors' in found.err
