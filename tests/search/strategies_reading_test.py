"""Searches of equal processor time, and what is read of them."""

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from experiments import strategies
from experiments import strategies_reading as reading
from sparse_jax.study.records import Study, StudyError
from tests import tiny_study

TASK = reading.Task('a task', (99, 99), 0.5, (0.2, 50, 50), 'a row')
FIRST = reading.Search(
    np.array([1.0, 4.0]), np.array([[0.4, 9, 9], [0.2, 50, 9]]), 3, 2)
SECOND = reading.Search(np.array([2.0]), np.array([[0.3, 9, 9]]), 1, 1)
NONE = reading.Search(np.zeros(0), np.zeros((0, 3)), 0, 0)
PART = math.log10(100 / 9)
"""Of a cost of 9 up to just above the budget of 99."""


def test_volumes_are_those_within_guessing_and_the_budgets():
    assert reading.hypervolume(FIRST, TASK, 0.5) == 0
    assert reading.hypervolume(FIRST, TASK, 1) == pytest.approx(0.1 * PART ** 2)
    # 50 B of size add a second, thinner box of 0.3 less what both have.
    both = 0.1 * PART ** 2 + 0.2 * math.log10(2) * PART
    assert reading.hypervolume(FIRST, TASK, 9) == pytest.approx(both)
    assert reading.hypervolume(NONE, TASK, 9) == 0


def test_errors_and_times_are_of_the_first_that_gets_there():
    assert reading.best_error(FIRST, TASK, 0.5) == 0.5
    assert reading.best_error(FIRST, TASK, 3.9) == 0.4
    assert reading.best_error(FIRST, TASK, 4) == 0.2
    assert reading.seconds_to_row(FIRST, TASK) == 4
    assert reading.seconds_to_row(SECOND, TASK) == reading.NEVER
    first = reading.hypervolume(FIRST, TASK, 1)
    assert reading.seconds_to_volume(FIRST, TASK, first) == 1
    assert reading.seconds_to_volume(FIRST, TASK, 1.01 * first) == 4
    assert reading.seconds_to_volume(NONE, TASK, 0.1) == reading.NEVER


def test_a_line_is_a_median_its_range_and_who_got_there():
    text = reading.table(TASK, {'default': [FIRST, SECOND, NONE]}, 4.0)
    line = text.split('\n')[-1]
    assert '| 30.0 (20.0 to 50.0) % |' in line
    # The median volume is that of the second, which the first had at 4 seconds.
    assert '| 4 (2 of 3) | - (1 of 3) | 1 | 1 |' in line
    early = reading.table(TASK, {'default': [FIRST]}, 3.0).split('\n')[-1]
    assert '| 40.0 % | 1 | - (0 of 1) |' in early


def test_a_picture_is_drawn(tmp_path):
    pytest.importorskip('matplotlib')
    reading.draw(tmp_path / 'a.png', TASK, {'hybrid': [FIRST, SECOND]}, 5.0)
    assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')


def test_a_search_stops_at_its_seconds_and_goes_on(tmp_path):
    settings, folder = tiny_study.settings(), tmp_path / 'cell'
    assert not strategies.is_done(folder, 0.0)
    with tiny_study.small_space():
        strategies.search(settings, str(folder), 0.0)
    assert strategies.is_done(folder, 0.0) and not strategies.is_done(folder, 1e6)
    with contextlib.closing(Study(folder, create=False)) as study:
        some = strategies.notes_of(study)
    assert 1 <= len(some.finished) < 4 and not some.ended
    with tiny_study.small_space():
        strategies.search(settings, str(folder), 1e6)
    # It had nothing more to do.
    assert strategies.is_done(folder, 1e6)
    with contextlib.closing(Study(folder, create=False)) as study:
        whole = strategies.notes_of(study)
        found = reading.search_of(
            study, TASK._replace(budgets=(10 ** 6, 10 ** 6)), whole.finished, 7)
    assert len(whole.finished) == 4 and some.finished.items() <= whole.finished.items()
    assert found.trained == 4 and len(found.seconds) >= 4
    assert (np.diff(found.seconds) >= 0).all() and found.seconds[0] > 0


@pytest.mark.parametrize('name', strategies.TASKS)
@pytest.mark.parametrize('strategy', strategies.STRATEGIES)
def test_every_cell_is_a_search_within_hard_budgets(name, strategy):
    settings = strategies.settings_of(name, strategy, 1, 'data')
    budgets = strategies.TASKS[name].reading.budgets
    assert (settings.budgets.most['model_size'],
            settings.budgets.most['working_memory']) == budgets
    assert settings.seed == 1 and settings.runtime.workers == 1


@pytest.mark.parametrize('given, line', [
    (['--strategies=darts'], '--strategies=darts: allowed: random, blind, '),
    (['--data=mnst'], '--data=mnst: allowed: digits, mnist, cifar10_binary'),
    (['--seeds=0,,1'], '--seeds=0,,1: allowed: whole numbers of 0 to 4294967295'),
    (['--seeds=-1'], '--seeds=-1: allowed: whole numbers'),
    (['--seconds=nan'], '--seconds=nan: allowed: 0 for those of the data set'),
    (['--seconds=-1'], '--seconds=-1: allowed: 0 for those'),
    (['--workdir='], '--workdir is empty; allowed: a folder'),
    (['--workdir={file}'], "{file}' is a file; allowed: a folder"),
    (['--table'], "digits/random_0': study.sqlite: file is not a database"),
])
def test_mistakes_are_one_line(tmp_path, capsys, given, line):
    (tmp_path / 'file').touch()
    (tmp_path / 'digits' / 'random_0').mkdir(parents=True)
    (tmp_path / 'digits' / 'random_0' / 'study.sqlite').write_text('nothing')
    words = [word.format(file=tmp_path / 'file') for word in given]
    with pytest.raises(SystemExit, match='2'):
        strategies.main([f'--workdir={tmp_path}', *words])
    error = capsys.readouterr().err
    assert line.format(file=tmp_path / 'file') in error and error.count('\n') == 1


def test_damaged_notes_are_one_line(tmp_path):
    with contextlib.closing(Study(tmp_path)) as study:
        for text in ('[', '[1]', '[1, 2, 3, 4]'):
            study.set_meta(strategies.NOTES, text)
            with pytest.raises(StudyError, match='its notes are damaged'):
                strategies.notes_of(study)


def test_no_search_goes_on_without_the_process_that_began_it(capsys):
    spawn = multiprocessing.get_context('spawn')
    process = spawn.Process(target=time.sleep, args=(99,))
    before = signal.getsignal(signal.SIGTERM)
    process.start()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(SystemExit) as end, strategies._ends_too(process):
        process.join()
    assert end.value.code == 143 and process.exitcode == -signal.SIGTERM
    assert 'ended by signal 15; the same command goes on' in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before
