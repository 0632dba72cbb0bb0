"""Paths as typed: expanded, or refused in one line."""

import os
import pathlib
import tempfile

import pytest

from sparse_jax.paths import PathError, local, private_cache, shown


def test_home_is_expanded_and_other_paths_are_left_alone():
    home = pathlib.Path(os.path.expanduser('~'))
    assert local('~/study') == home / 'study'
    assert local('runs/a~b') == pathlib.Path('runs/a~b')
    assert local('') == pathlib.Path()


@pytest.mark.parametrize('text, reason', [
    ('~nosuchuser', "no user 'nosuchuser'"), ('gs://bucket/x', 'on another machine'),
    ('s3://bucket', 'on another machine'), ('a\0b', 'a zero byte'),
    ('a' * 300, 'File name too long'), ('a/' * 3000, 'File name too long'),
    ('\ud800', 'no name of a file')])
def test_what_no_file_can_have_is_refused(text, reason):
    with pytest.raises(PathError, match=reason) as caught:
        local(text)
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 300


def test_a_long_text_is_shown_in_part():
    assert shown('a' * 120) == repr('a' * 120)
    assert shown('a' * 5000 + 'end').endswith("end'") and len(shown('a' * 5000)) < 100


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Home and temporary folder of another user, and no cached answer."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'home'))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'common'))
    (tmp_path / 'common').mkdir()
    private_cache.cache_clear()
    yield tmp_path
    private_cache.cache_clear()


def test_caches_lie_in_the_home_of_the_user(elsewhere):
    folder = private_cache('zig')
    assert folder == elsewhere / 'home' / 'sparse_jax' / 'zig'
    assert folder.stat().st_mode & 0o077 == 0


def test_without_a_home_a_private_name_in_the_common_folder(elsewhere):
    (elsewhere / 'home').write_text('no folder')
    folder = private_cache('zig')
    assert folder == elsewhere / 'common' / f'sparse_jax_{os.getuid()}' / 'zig'
    assert folder.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize('kind', ['link', 'open'])
def test_a_name_that_somebody_else_took_is_not_used(elsewhere, kind):
    (elsewhere / 'home').write_text('no folder')
    taken, trap = elsewhere / 'common' / f'sparse_jax_{os.getuid()}', elsewhere / 'trap'
    if kind == 'link':
        trap.mkdir()
        taken.symlink_to(trap)
    else:
        taken.mkdir()
        taken.chmod(0o777)
    folder = private_cache('zig')
    assert folder.parent == elsewhere / 'common' and folder.name != taken.name
    assert folder.stat().st_mode & 0o077 == 0
