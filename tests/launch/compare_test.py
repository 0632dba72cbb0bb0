"""launch.compare: tables, pictures and files of several studies."""

import contextlib
import csv
import dataclasses
import shutil
import sqlite3

import pytest

from sparse_jax.baselines import published, rows
from sparse_jax.settings.stored import dumps
from sparse_jax.study import schema
from sparse_jax.study.folder import DATA
from sparse_jax.study.names import CONFIG_FILE, FILE
from sparse_jax.study.records import Study
from tests import tiny_study
from tests.launch import command_line


@pytest.fixture
def sweep(tmp_path):
    """Two seeds of one method and one of another."""
    for place, (name, changes) in enumerate({
            'method=sparse_vd,seed=0': {}, 'method=sparse_vd,seed=1': {'seed': 1},
            'method=none,seed=0': {'pruning__method': 'none'}}.items()):
        folder = shutil.copytree(
            tiny_study.finished().workdir, tmp_path / 'sweep' / name)
        (folder / CONFIG_FILE).write_text(dumps(tiny_study.settings(**changes)))
        with contextlib.closing(sqlite3.connect(folder / FILE)) as db, db:
            schema.update(db, 'trials', place, {'error': 0.01 * (place + 1)})
    return tmp_path / 'sweep'


def _rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def test_the_studies_of_a_sweep(sweep, capsys):
    found = command_line.run(capsys, 'compare', str(sweep))
    assert (found.code, found.err) == (0, '')
    assert 'sparse_vd' in found.out and 'front of all: ' in found.out
    studies = _rows(sweep / 'compare_studies.csv')
    assert [(row['study'], row['group'], row['seed']) for row in studies] == [
        ('method=none,seed=0', 'method=none', '0'),
        ('method=sparse_vd,seed=0', 'method=sparse_vd', '0'),
        ('method=sparse_vd,seed=1', 'method=sparse_vd', '1')]
    front = _rows(sweep / 'compare_front.csv')
    assert max(float(row['validation_accuracy']) for row in front) == 0.99
    assert {row['study'] for row in front} <= {row['study'] for row in studies}
    rounds = _rows(sweep / 'compare_rounds.csv')
    assert len(rounds) == 3 * tiny_study.ROUNDS
    assert (sweep / 'compare.png').read_bytes()[:4] == b'\x89PNG'
    picture = (sweep / 'compare.svg').read_text()
    assert '<svg' in picture and 'method=none' in picture and 'seconds' in picture
    again = command_line.run(capsys, 'compare', str(sweep))
    assert again.out == found.out
    assert (sweep / 'compare.svg').read_text() == picture


def test_studies_by_name_need_a_folder(sweep, tmp_path, capsys):
    names = sorted(map(str, sweep.iterdir()))
    found = command_line.run(capsys, 'compare', *names[:2])
    assert found.code == 2 and found.err.startswith('error: --out is missing')
    found = command_line.run(capsys, 'compare', *names[:2], f'--out={tmp_path}/out')
    assert found.code == 0, found.err
    assert len(_rows(tmp_path / 'out' / 'compare_studies.csv')) == 2
    # One study alone has pictures too.
    found = command_line.run(capsys, 'compare', names[0], f'--out={tmp_path}/out')
    assert found.code == 0 and 'all: ' in found.out


@pytest.mark.parametrize('arguments, words', [
    ([], 'no folder; allowed:'), (['{dir}/none'], "none': no study here")])
def test_mistakes(arguments, words, tmp_path, capsys):
    found = command_line.run(
        capsys, 'compare', *(a.format(dir=tmp_path) for a in arguments))
    assert found.code == 2 and words in found.err and found.err.count('\n') == 1


def test_competitors_on_the_same_images_stand_beside(
        sweep, tmp_path, capsys, without_pictures):
    with contextlib.closing(Study(next(sweep.iterdir()), create=False)) as study:
        split = study.meta(DATA) or ''
    row = rows.Row('knn', 'tiny', 3, split, 'def', 0.9, 0.1, 2048, 512, 500, 3, 1.0, {},
                   {'seed': 5})
    rows.write(tmp_path / 'beside', [row])
    found = command_line.run(capsys, 'compare', str(sweep), str(tmp_path / 'beside'))
    assert found.code == 0, found.err
    made, = _rows(sweep / 'compare_competitors.csv')
    assert made == {'method': 'knn', 'validation_accuracy': '0.9', 'seed': '5',
                    'published_bytes': '2048', 'one_byte_bytes': '512',
                    'values': '500', 'tried': '3'}
    assert '│ knn    │    90.00 │ 2.00 │' in found.out
    rows.write(tmp_path / 'beside', [dataclasses.replace(row, split='other')])
    found = command_line.run(capsys, 'compare', str(sweep), str(tmp_path / 'beside'))
    assert found.code == 2 and found.err.count('\n') == 1
    assert 'has knn on other data (tiny)' in found.err


def test_what_was_published_for_the_data_stands_beside(sweep, capsys, monkeypatch):
    asked, of_data = [], published.of_data
    monkeypatch.setattr(published, 'of_data', lambda *given: asked.append(given) or (
        of_data('mnist', '', 10)))
    found = command_line.run(capsys, 'compare', str(sweep))
    assert found.code == 0, found.err
    assert asked == [('tiny', '', 3)]
    made = _rows(sweep / 'compare_published.csv')
    assert len(made) == len(of_data('mnist', '', 10)) > 5
    row = next(row for row in made if row['working_memory'] == '635')
    assert row['test_accuracy'] == '0.958' and row['model_size'] == '1802'
    assert row['source'].startswith('poster') and '95.80' in found.out
    unas, = [row for row in made if row['system'] == 'uNAS']
    assert unas['working_memory_without_image'] == '488' and not unas['working_memory']
    assert 'published, on test data' in (sweep / 'compare.svg').read_text()
    found = command_line.run(capsys, 'compare', str(sweep), '--nopublished')
    assert found.code == 0 and len(asked) == 1 and 'landmarks' not in found.out
    assert 'published' not in (sweep / 'compare.svg').read_text()
