"""launch.status: states of studies, from their databases alone."""

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from sparse_jax.objectives.goals import ranked_under
from sparse_jax.settings.reading import objectives
from sparse_jax.settings.stored import dumps
from sparse_jax.study import folder as folders
from sparse_jax.study import glance, lock, schema
from sparse_jax.study.errors import StudyError
from sparse_jax.study.names import CONFIG_FILE, FILE
from sparse_jax.study.records import Study
from tests import tiny_study
from tests.launch import command_line

MANY = 5000


@pytest.fixture
def folder(tmp_path):
    """A study whose search has ended."""
    made = shutil.copytree(tiny_study.finished().workdir, tmp_path / 'sweep' / 'one')
    (made / CONFIG_FILE).write_text(dumps(tiny_study.settings()))
    with contextlib.closing(Study(made)) as records:
        folders.mark_finished(records)
    return made


def test_what_is_seen_is_what_the_study_has(folder):
    seen = glance.look(folder)
    with contextlib.closing(Study(folder, create=False)) as records:
        rows, rounds = records.rows(), records.rounds()
        aims = objectives(tiny_study.settings(), 3)
        best = ranked_under(records.networks(), aims)
    assert seen.state == glance.ENDED and seen.done == seen.planned == len(rows)
    assert (seen.round, seen.rounds) == (tiny_study.ROUNDS, tiny_study.ROUNDS)
    assert seen.hypervolume == rounds[-1].hypervolume
    assert seen.best_error == (best[0].error if best else None)
    assert seen.seconds == pytest.approx(sum(row.train_seconds for row in rows))
    assert seen.failed == {} and seen.last.startswith('20')


def test_soft_bounds_and_failures_count(folder):
    tree = json.loads((folder / CONFIG_FILE).read_text())
    tree['objectives']['model_size'] = 1
    (folder / CONFIG_FILE).write_text(json.dumps(tree))
    assert glance.look(folder).best_error is None
    tree['objectives'] |= {'model_size': 10**6, 'working_memory': 10**6}
    (folder / CONFIG_FILE).write_text(json.dumps(tree))
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db:
        least = db.execute("SELECT min(error) FROM (SELECT error FROM trials UNION ALL "
                           'SELECT error FROM curves)').fetchone()[0]
        assert glance.look(folder).best_error == least
        db.execute("UPDATE trials SET status='nonfinite', error=NULL WHERE number=0")
        db.execute('UPDATE curves SET error=0.125 WHERE trial=1')
        db.commit()
    seen = glance.look(folder)
    assert seen.failed == {'nonfinite': 1} and seen.best_error == 0.125
    assert glance.failed_text(seen.failed) == '1 nonfinite'
    tree['objectives']['names'] = ['error', 'mine:traffic']
    (folder / CONFIG_FILE).write_text(json.dumps(tree))
    assert glance.look(folder).best_error is None


@pytest.mark.parametrize('changes, rounds', [
    ({'search__rounds': 2, 'search__max_minutes': 5.0, 'search__final_share': 0.5}, 2),
    ({'search__rounds': 4, 'search__final_share': 0.5}, 2)])
def test_the_finals_are_no_round(folder, capsys, changes, rounds):
    (folder / CONFIG_FILE).write_text(dumps(tiny_study.settings(**changes)))
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db:
        db.execute("INSERT INTO rounds (round, hypervolume, info) "
                   "VALUES (2, 9.5, '{\"finals\": 4}')")
        db.commit()
    seen = glance.look(folder)
    assert (seen.round, seen.rounds, seen.hypervolume) == (rounds, rounds, 9.5)
    found = command_line.run(capsys, 'status', str(folder))
    assert found.out.splitlines()[1].split()[2] == '2/2'


def test_states(folder):
    # Other settings than those that it ended with: there is more to do.
    (folder / CONFIG_FILE).write_text(dumps(tiny_study.settings(search__rounds=9)))
    seen = glance.look(folder)
    assert (seen.state, seen.planned) == (glance.INTERRUPTED, 9 * tiny_study.BATCH)
    assert not glance.is_finished(folder)
    with lock.hold(folder):
        assert glance.look(folder).state == glance.RUNNING
    (folder / CONFIG_FILE).write_text(dumps(tiny_study.settings()))
    assert glance.is_finished(folder)
    (folder / FILE).write_bytes(b'')
    assert glance.look(folder).state == glance.EMPTY
    (folder / FILE).unlink()
    assert not glance.is_finished(folder)


def test_several_studies_in_one_table(folder, tmp_path, capsys):
    second = shutil.copytree(folder, folder.with_name('two,seed=1'))
    (second / CONFIG_FILE).write_text(dumps(tiny_study.settings(search__rounds=9)))
    (folder.with_name('zero')).mkdir()
    (folder.with_name('zero') / FILE).write_text('nothing')
    table = tmp_path / 'sweep.csv'
    table.write_text('')
    found = command_line.run(
        capsys, 'status', str(folder.parent), str(table), str(second))
    assert (found.code, found.err) == (0, '')
    *lines, last = found.out.splitlines()
    assert lines[0].split()[:2] == ['state', 'trials'] and len(lines) == 5
    assert 'sweep.csv' in last and 'no study here' in last
    assert [line.split()[0] for line in lines[1:]] == [
        'finished', 'interrupted', 'interrupted', 'unreadable:']
    assert [line.split()[-1] for line in lines[1:4]] == [
        'one', 'two,seed=1', 'two,seed=1']
    assert lines[1].split()[1:3] == ['4/4', '2/2']


@pytest.mark.parametrize('arguments, words', [
    ([], 'no folder; allowed:'),
    (['{dir}/none'], "none': no study here; allowed: a folder of launch.search"),
    (['{dir}/bad'], f"bad': {CONFIG_FILE}"),
])
def test_mistakes_are_one_line(arguments, words, tmp_path, capsys):
    (tmp_path / 'bad').mkdir()
    (tmp_path / 'bad' / FILE).write_text('nothing')
    found = command_line.run(
        capsys, 'status', *(a.format(dir=tmp_path) for a in arguments))
    assert found.code == 2 and words in found.err and found.err.count('\n') == 1


def test_a_damaged_database_is_one_line(folder):
    (folder / FILE).write_text('x' * 5000)
    with pytest.raises(StudyError, match='one.*: study.sqlite: file is not a database'):
        glance.look(folder)


def test_thousands_of_trials(folder):
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db:
        names = schema.columns(db, 'trials')
        row = db.execute('SELECT * FROM trials LIMIT 1').fetchone()
        place = names.index('number')
        marks = ', '.join('?' * len(names))
        db.executemany(f'INSERT INTO trials VALUES ({marks})', [
            (*row[:place], number, *row[place + 1:])
            for number in range(1000, 1000 + MANY)])
        db.commit()
    seen = glance.look(folder)
    assert seen.done == seen.planned == MANY + tiny_study.BATCH * tiny_study.ROUNDS


def test_jax_is_never_imported_and_watching_goes_on(folder):
    code = ('import sys\n'
            'from launch import cli, status\n'
            f'argv = ["status", {str(folder)!r}]\n'
            'cli.run(status.main, status.FLAGS, argv)\n'
            'assert not {"jax", "scipy"} & set(sys.modules)\n')
    subprocess.run([sys.executable, '-c', code], cwd=command_line.ROOT, check=True,
                   timeout=60, capture_output=True)
    process = subprocess.Popen(
        [sys.executable, '-m', 'launch.status', '--watch', '--seconds=0.1',
         str(folder)], cwd=command_line.ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        assert lines[0] == lines[2] and lines[1] == lines[3]
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        assert process.stderr.read() == 'error: stopped\n'
    finally:
        process.kill()
