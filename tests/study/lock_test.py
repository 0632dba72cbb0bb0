"""One process per workdir."""

import pytest

from sparse_jax.study import lock
from sparse_jax.study.records import StudyError


def test_only_one_process_holds_a_workdir(tmp_path):
    folder = tmp_path / 'run'
    lock.check_free(folder)
    assert not folder.exists()
    with lock.hold(folder):
        with pytest.raises(StudyError, match='another search is running'):
            with lock.hold(folder):
                pass
        with pytest.raises(StudyError, match='another search is running'):
            lock.check_free(folder)
    lock.check_free(folder)
    with lock.hold(folder):
        pass


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StudyError, match='Not a directory'):
        with lock.hold(tmp_path / 'file' / 'run'):
            pass
