"""Files of a workdir are written whole, and never through a link."""

import os
import subprocess
import sys

import pytest

from sparse_jax.study import files
from sparse_jax.study.records import StudyError


def test_a_link_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / 'outside'
    outside.write_text('kept')
    (tmp_path / 'front.csv').symlink_to(outside)
    files.write(tmp_path / 'front.csv', 'new')
    assert outside.read_text() == 'kept'
    assert (tmp_path / 'front.csv').read_text() == 'new'
    assert not (tmp_path / 'front.csv').is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ['front.csv', 'outside']


def test_a_failure_leaves_the_old_file(tmp_path):
    files.write(tmp_path / 'a', 'old')
    with pytest.raises(ValueError), files.replacing(tmp_path / 'a') as file:
        file.write(b'half')
        raise ValueError
    assert (tmp_path / 'a').read_text() == 'old'
    assert [p.name for p in tmp_path.iterdir()] == ['a']


def test_folders_that_are_none_are_refused(tmp_path):
    files.make_folder(tmp_path / 'new', tmp_path)
    files.make_folder(tmp_path / 'new', tmp_path)
    (tmp_path / 'link').symlink_to(tmp_path / 'new')
    (tmp_path / 'broken').symlink_to(tmp_path / 'nothing')
    (tmp_path / 'file').write_text('')
    for name, what in (('link', 'a symbolic link'), ('broken', 'a symbolic link'),
                       ('file', 'a file')):
        with pytest.raises(StudyError, match=f'{name} is {what}; allowed'):
            files.make_folder(tmp_path / name, tmp_path)
    assert not (tmp_path / 'nothing').exists()


def test_only_temporary_files_without_a_process_are_dropped(tmp_path):
    ended = subprocess.run([sys.executable, '-c', 'import os; print(os.getpid())'],
                           capture_output=True, text=True, check=True).stdout.strip()
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / 'a.csv'):
        mine = next(tmp_path.iterdir())
        raise KeyboardInterrupt
    here, process, token = mine.name.split('.')[3].split('-')
    assert int(process) == os.getpid()
    elsewhere = f'{int(here, 16) ^ 1:08x}'
    names = {'ended': f'.a.csv.{here}-{ended}-{token}.tmp', 'mine': mine.name,
             'new': f'.a.csv.{elsewhere}-{ended}-{token}.tmp',
             'old': f'.b.csv.{elsewhere}-{ended}-{token}.tmp', 'other': '.mine.tmp'}
    paths = {key: tmp_path / name for key, name in names.items()}
    for path in paths.values():
        path.write_text('')
    for key in ('old', 'other', 'mine'):
        os.utime(paths[key], (0, 0))
    files.drop_abandoned(tmp_path)
    left = {key for key, path in paths.items() if path.exists()}
    assert left == {'mine', 'new', 'other'}


def test_what_is_no_text_is_written_as_an_escape(tmp_path):
    """Names of files may be any bytes."""
    files.write(tmp_path / 'page', 'a\udcff \u00e9')
    assert (tmp_path / 'page').read_bytes() == b'a\\udcff \xc3\xa9'
