"""log.txt: every line with its time, and never anything outside of the workdir."""

import os
import re

import pytest

from launch import log, tables
from sparse_jax.study.records import StudyError


@pytest.fixture(autouse=True)
def nothing_was_said():
    """Other tests of this process print lines too."""
    log.forget()


def _lines(folder):
    found = (folder / log.FILE).read_text().splitlines()
    assert all(re.match(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ', line) for line in found)
    return [line[21:] for line in found]


def test_lines_from_before_come_first_and_sessions_add_up(tmp_path, capsys):
    tables.line(tables.console(), 'loading')
    with log.kept(tmp_path):
        tables.line(tables.console(), 'one [red]line')
        tables.line(tables.console(), 'two\nlines')
    tables.line(tables.console(), 'elsewhere')
    assert _lines(tmp_path) == ['loading', 'one [red]line', 'two', 'lines']
    log.forget()
    with log.kept(tmp_path):
        tables.line(tables.console(), 'again')
    assert _lines(tmp_path)[4:] == ['again']
    assert 'one [red]line\n' in capsys.readouterr().out


def test_a_link_out_of_the_workdir_is_refused(tmp_path):
    target = tmp_path / 'target'
    target.write_text('mine')
    inside = tmp_path / 'run'
    inside.mkdir()
    os.symlink(target, inside / log.FILE)
    with (pytest.raises(StudyError, match='log.txt is a symbolic link'),
          log.kept(inside)):
        raise AssertionError('not reached')
    assert target.read_text() == 'mine'


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    (tmp_path / log.FILE).mkdir()
    with log.kept(tmp_path):
        tables.line(tables.console(), 'on')
    assert capsys.readouterr().out == 'on\n'
