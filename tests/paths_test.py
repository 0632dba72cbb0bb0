"""Paths as typed: expanded, or refused in one line."""

import os
import pathlib

import pytest

from sparse_jax.paths import PathError, local, shown


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
