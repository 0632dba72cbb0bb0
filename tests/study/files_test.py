"""Files of a workdir are written whole, and never through a link."""

import os

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


def test_only_old_temporary_files_of_this_kind_are_dropped(tmp_path):
    old, new, other = (tmp_path / name for name in (
        '.front.csv.0123456789ab.tmp', '.front.csv.ba9876543210.tmp', '.mine.tmp'))
    for path in (old, new, other):
        path.write_text('')
    for path in (old, other):
        os.utime(path, (0, 0))
    files.drop_abandoned(tmp_path)
    assert not old.exists() and new.exists() and other.exists()
